"""What all tests share: one real broker a session, a world of its own for each test, the recorded data."""

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from deploy.local.broker import Broker, start_broker
from streams.runtime.source import use_kernel_cache

ROOT = Path(__file__).parents[1]
_worlds = count()
use_kernel_cache()
# `make coverage` interprets what is compiled otherwise: a hundred times slower, and no example may run out of time.
settings.register_profile("interpreted", deadline=None, max_examples=20)
if os.environ.get("NUMBA_DISABLE_JIT"):
    settings.load_profile("interpreted")


@pytest.fixture(scope="session")
def broker_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The session's embedded broker on a free port; it dies with this process, whatever happens."""
    broker = start_broker(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def broker(broker_process: Broker) -> Mapping[str, str]:
    """librdkafka's connection settings of the session's embedded broker."""
    return {"bootstrap.servers": broker_process.bootstrap}


@pytest.fixture
def world() -> str:
    """The name of a world that no other test uses."""
    return f"test-{os.getpid()}-{next(_worlds)}"


@pytest.fixture
def topics(broker: Mapping[str, str], world: str) -> Callable[..., str]:
    """A function of `partitions` that creates all topics of the test's world and returns its name."""

    def create(partitions: int = 3) -> str:
        from deploy.local.admin import ensure_topics

        ensure_topics(broker, world, partitions)
        return world

    return create


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded data: $AIOTS_DATA, else ../shared/data beside the project."""
    folder = Path(os.environ.get("AIOTS_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no recorded data: set AIOTS_DATA ({folder} is absent)")
    return folder


@pytest.fixture(scope="session")
def lean_data(shared_data: Path) -> Path:
    """The recorded data in LEAN's layout."""
    folder = shared_data / "lean" / "Data"
    if not folder.is_dir():
        pytest.skip(f"no recorded LEAN data ({folder} is absent)")
    return folder
