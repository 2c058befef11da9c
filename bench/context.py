"""What every measurement is given: its folder, its size, where its figures go."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cluster import Cluster, cluster
from bench.figures import Figure, Report


@dataclass
class Context:
    """quick: a smoke test with small inputs. data: recorded data, None: simulated. rounds: of what is interleaved."""

    folder: Path
    report: Report
    data: Path | None
    say: Callable[[str], None]
    quick: bool = False
    rounds: int = 3

    def size(self, whole: int, quick: int) -> int:
        """Return how much of an input to use."""
        return quick if self.quick else whole

    def add(self, figure: Figure) -> None:
        """Take a figure in, and say it."""
        self.report.add(figure)
        verdict = {None: "", True: "  ok", False: "  FAILED"}[figure.ok]
        self.say(f"{figure.section}: {figure.name}: {figure.value:,.4g} {figure.unit}{verdict}")

    def figure(self, section: str, name: str, value: float, unit: str, **more: Any) -> None:
        """Take a figure without a goal in."""
        self.add(Figure(section, name, value, unit, **more))

    def note(self, text: str) -> None:
        """Take a remark in that stands under the table."""
        self.report.notes.append(text)

    @contextmanager
    def cluster(self, name: str) -> Iterator[Cluster]:
        """Start a broker of its own for a measurement."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        with cluster(folder, self.say) as running:
            yield running


def cache_folder() -> Path:
    """Return where peers' environments are kept between runs."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("AIOTS_CACHE_DIR") or home / "aiots") / "bench"


def load_kernels(context: Context) -> None:
    """Compile what analytics calls, where no run has before: in a process that is measured it would take memory too."""
    from streams.runtime.options import fold_factory, make_params
    from streams.topology import BY_NAME

    begun_s = time.perf_counter()
    stage = BY_NAME["analytics"]
    fold_factory(stage, make_params(stage, {}), 0, 1)().apply([])
    context.note(f"kernels compiled or loaded in {time.perf_counter() - begun_s:.1f} s, before anything was measured")
