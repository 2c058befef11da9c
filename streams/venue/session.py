"""The session, as far as orders know it: from a MarketEvent SESSION_OPEN's start_ns to its end_ns, so that half days
end when they do. Sources tell each partition of it, so the same event comes again and again.

- A DAY order ends with the session it came in, or, if it came outside one, with the next: at the first news after
  end_ns, or at SESSION_CLOSE. Marks of the closing instant still fill.
- Options are dealt in within the session only, once one is known (classes that go on to 16:15 end with the others).
- HALT of a symbol (of none: all) to RESUME: nothing fills, of its options neither; nor, later, at a quote from before
  the RESUME.
"""

from dataclasses import dataclass

NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Session:
    """The newest session, nanoseconds since 1970 UTC. waiting: DAY orders that came outside one."""

    start_ns: int
    end_ns: int
    waiting: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Return whether a source has told of any session."""
        return self.start_ns > -NEVER

    def has(self, event_ns: int) -> bool:
        """Return whether an instant is within it."""
        return self.start_ns <= event_ns <= self.end_ns


@dataclass(frozen=True, slots=True)
class Halt:
    """The newest halt of a symbol: since when, and until when; -1: it goes on."""

    event_ns: int
    until_ns: int = -1

    def stops(self, event_ns: int) -> bool:
        """Return whether a quote of an instant fills nothing."""
        return self.until_ns < 0 or event_ns < self.until_ns


UNKNOWN = Session(-NEVER, -NEVER)
