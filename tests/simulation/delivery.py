"""Drive the production task, recovery and checkpoint code through seeded schedules of faults.

Run: python -m tests.simulation.delivery [seeds]     prints 'N seeds hold', or the first seed that fails.
Run: python -m tests.simulation.delivery --broken    plants known bugs; each must be caught.
"""

import sys
import time
from collections import Counter

from streams.log.filter import GapError
from streams.runtime.checkpoint import RefusedStartError
from streams.runtime.task import DivergedError, MissingOffsetError
from tests.simulation.laws import broken_laws
from tests.simulation.plants import Plant
from tests.simulation.world import World

ACTIONS = 260


CLEANLINESS = (Plant.NO_TAIL_SCAN, Plant.LATE_ENDS)
"""Not wrong, as the id filter drops copies, but copies there are: seen where nobody else makes any."""


def run(
    seed: int, plants: frozenset[Plant] = frozenset(), *, calm: bool | None = None
) -> tuple[list[str], Counter[str]]:
    """Return the laws that a schedule breaks, and what happened in it. Unless told, every fourth schedule is calm."""
    calm = seed % 4 == 0 if calm is None else calm
    world: World | None = None
    try:
        world = World(seed, plants, calm=calm)
        for _ in range(ACTIONS):
            world.act()
        world.settle()
        return broken_laws(world, calm), world.seen
    except (GapError, MissingOffsetError, DivergedError, RefusedStartError) as error:
        seen = Counter[str]() if world is None else world.seen
        return [f"{type(error).__name__}: {error}"], seen + Counter({type(error).__name__: 1})


def caught(plant: Plant, seeds: range) -> int:
    """Return in how many schedules a planted bug is noticed."""
    calm = plant in CLEANLINESS
    return sum(bool(run(seed, frozenset({plant}), calm=calm)[0]) for seed in seeds)


def main() -> None:
    begun_s = time.perf_counter()
    if "--broken" in sys.argv:
        for plant in Plant:
            count = caught(plant, range(100))
            print(f"{plant}: caught by {count} of 100 seeds")
            assert count, plant
        return
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    seen: Counter[str] = Counter()
    for seed in range(seeds):
        laws, happened = run(seed)
        seen += happened
        if laws:
            print(f"seed {seed} fails:", *laws[:5], sep="\n  ")
            sys.exit(1)
    for what, count in sorted(seen.items()):
        print(f"{count:9,} {what}")
    print(f"{seeds} seeds hold ({time.perf_counter() - begun_s:.1f} s)")


if __name__ == "__main__":
    main()
