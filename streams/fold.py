"""Hosts a pure `advance` as a Fold: decodes, keeps the state by key, turns errors into rejects, encodes."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from schemas import wire
from streams.stage import Advance, Output, RecordError, Rejected, RejectReason
from streams.state import decode_state, encode_state


class KeptFold(NamedTuple):
    """State by key, changed keys and counters, as they were."""

    state: dict[str, Any]
    dirty: set[str]
    counters: dict[str, int]


class PureFold:
    """A stage written as a pure function.

    state_types: the dataclass of a key's state by key prefix (the part before the first "/"); "" is the default.
    skip: says of a payload, before it is decoded, that this stage has no use for it (it is then passed over in
    silence, neither applied nor rejected).
    read: gives advance its record, or None: passed over, too; raises as wire.decode.
    forwards: record names whose payload is passed on, byte for byte, to `forward_topic` under its own key before
    the outputs of advance; forwarded even where advance raises nothing and has no output.
    """

    def __init__(
        self,
        advance: Advance,
        params: Any,
        state_types: Mapping[str, type],
        *,
        skip: Callable[[bytes], bool] | None = None,
        read: Callable[[bytes], Any] = wire.decode,
        forwards: Collection[str] = (),
        forward_topic: str = "",
        key_of: Callable[[Any], str] | None = None,
    ) -> None:
        self.counters: dict[str, int] = {}
        self._advance = advance
        self._params = params
        self._state_types = dict(state_types)
        self._state: dict[str, Any] = {}
        self._dirty: set[str] = set()
        self._skip = skip
        self._read = read
        self._forwards = frozenset(forwards)
        self._forward_topic = forward_topic
        self._key_of = key_of or _no_key

    def apply(self, payloads: Sequence[bytes]) -> list[Output | Rejected]:
        """Advance over payloads in log order; a record that cannot be used becomes a Rejected and changes nothing."""
        outputs: list[Output | Rejected] = []
        skip, one = self._skip, self._one
        for at, payload in enumerate(payloads):
            if skip is not None and skip(payload):
                continue
            try:
                found = one(at, payload)
                if found:
                    outputs += found
            except RecordError as error:
                outputs.append(Rejected(at, error.reason, error.detail))
            except wire.WireError as error:
                outputs.append(Rejected(at, RejectReason(error.reason.value), error.detail))
            except Exception as error:  # a bug in a stage must not stop the pipeline: it is alarmed and named
                outputs.append(Rejected(at, RejectReason.BUG, f"{type(error).__name__}: {error}"))
        return outputs

    def _one(self, at: int, payload: bytes) -> Sequence[Output | Rejected]:
        record = self._read(payload)
        if record is None:
            return ()
        changed, emitted = self._advance(self._state, record, self._params)
        outputs: list[Output | Rejected] = []
        if self._forwards and type(record).__name__ in self._forwards:
            outputs.append(Output(at, self._forward_topic, None, self._key_of(record).encode(), bytes(payload)))
        for emit in emitted:
            outputs.append(Output(at, emit.topic, emit.partition, emit.key.encode(), wire.encode(emit.record)))
        # Only now, with every output encoded, does the state change: whatever raised before has changed nothing.
        for key, state in changed.items():
            if state is None:
                self._state.pop(key, None)
            else:
                self._state[key] = state
            self._dirty.add(key)
        return outputs

    def changed(self) -> dict[str, bytes | None]:
        """Return the encoded state of every key changed since the last call; None for a key that is gone."""
        out = {key: encode_state(self._state[key]) if key in self._state else None for key in sorted(self._dirty)}
        self._dirty.clear()
        return out

    def load(self, state: Mapping[str, bytes]) -> None:
        """Replace all state by what `changed` once returned."""
        self._state = {key: decode_state(self._type_of(key), data) for key, data in state.items()}
        self._dirty.clear()

    def keep(self) -> KeptFold:
        """Return what go_back needs: state is never changed in place."""
        return KeptFold(dict(self._state), set(self._dirty), dict(self.counters))

    def go_back(self, kept: KeptFold) -> None:
        """Take back everything since `keep`; of no use a second time."""
        self._state, self._dirty, counters = kept
        self.counters.clear()
        self.counters.update(counters)

    @property
    def state(self) -> Mapping[str, Any]:
        """The state by key, read only: for tests and reports."""
        return self._state

    def _type_of(self, key: str) -> type:
        prefix = key.partition("/")[0]
        return (
            self._state_types.get(prefix, self._state_types[""])
            if "" in self._state_types
            else self._state_types[prefix]
        )


def _no_key(record: Any) -> str:
    return str(getattr(record, "account", "") or getattr(record, "symbol", ""))
