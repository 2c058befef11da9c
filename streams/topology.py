"""The table of contents: every stage, what it reads and writes, in flow order."""

from streams.stage import Stage

ORDER_NICE = 3
"""Marks come by the thousand; what hangs on a few milliseconds is the signal, not its order: the broker, analytics and
signals go first."""
ORDER_PACE_SECONDS = 0.01

STAGES: tuple[Stage, ...] = (
    Stage(
        "analytics",
        ("market.ticks",),
        ("features",),
        "streams.chain.analytics:make",
        "streams.chain.analytics:Params",
        joined=True,
        layout=2,
    ),
    Stage(
        "signals",
        ("features",),
        ("signals",),
        "streams.signals.stage:make",
        "streams.signals.stage:Params",
    ),
    Stage(
        "router",
        ("features", "signals"),
        ("book",),
        "streams.book.router:make",
        "streams.book.router:Params",
        nice=ORDER_NICE,
        pace_s=ORDER_PACE_SECONDS,
    ),
    Stage(
        "sizing",
        ("book",),
        ("orders",),
        "streams.sizing.stage:make",
        "streams.sizing.stage:Params",
        layout=2,
        nice=ORDER_NICE,
        pace_s=ORDER_PACE_SECONDS,
    ),
    Stage(
        "risk",
        ("orders",),
        ("verdicts", "risk"),
        "streams.risk.stage:make",
        "streams.risk.stage:Params",
        layout=2,
        nice=ORDER_NICE,
        pace_s=ORDER_PACE_SECONDS,
    ),
    Stage(
        "venue",
        ("verdicts",),
        ("book",),
        "streams.venue.stage:make",
        "streams.venue.stage:Params",
        layout=2,
        nice=ORDER_NICE,
        pace_s=ORDER_PACE_SECONDS,
    ),
)
BY_NAME = {stage.name: stage for stage in STAGES}
