"""Apache Kafka's jars, pinned by sha256 in kafka.lock.json, fetched once from Maven Central by jgo.

Run: python -m deploy.local.jars 4.3.1        resolves that version and writes the lock file
"""

import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

LOCK = Path(__file__).parent / "kafka.lock.json"
TIMEOUT_S = 30
ATTEMPTS = 3
DOWNLOADS_AT_ONCE = 8


class JarsError(RuntimeError):
    """The broker's jars are not there and cannot be fetched; the text says why and what to do."""


class Jar(NamedTuple):
    """One pinned jar: Maven's group, artifact and version, and the sha256 of its bytes."""

    group: str
    artifact: str
    version: str
    sha256: str

    def path(self, cache_dir: Path) -> Path:
        folder = cache_dir.joinpath(*self.group.split("."), self.artifact, self.version)
        return folder / f"{self.artifact}-{self.version}.jar"


def kafka_version() -> str:
    """Return the version of Kafka that the lock file pins."""
    return str(json.loads(LOCK.read_text())["kafka"])


def locked_jars() -> list[Jar]:
    """Return the pinned jars, Kafka's own first."""
    return [Jar(*row) for row in json.loads(LOCK.read_text())["jars"]]


def default_cache_dir() -> Path:
    """Return where jars are kept: $AIOTS_CACHE_DIR, else $XDG_CACHE_HOME/aiots, and there the folder maven."""
    named = os.environ.get("AIOTS_CACHE_DIR")
    home = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aiots"
    return home / "maven"


def fetch_jars(cache_dir: Path, say: Callable[[str], None] = lambda text: None) -> list[Path]:
    """Return the paths of all pinned jars, after fetching those that are missing; JarsError where that fails.

    cache_dir: created when absent; processes that fetch at once wait for each other. say: told when a download starts.
    """
    cache_dir.mkdir(parents=True, exist_ok=True)
    with _locked(cache_dir / ".lock"):
        missing = [jar for jar in locked_jars() if not _is_whole(jar, cache_dir)]
        if missing:
            say(f"fetching {len(missing)} jars of Apache Kafka {kafka_version()} (once)")
            with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
                list(pool.map(lambda jar: _download(jar, cache_dir), missing))
    return [jar.path(cache_dir) for jar in locked_jars()]


def _is_whole(jar: Jar, cache_dir: Path) -> bool:
    path = jar.path(cache_dir)
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256


def _download(jar: Jar, cache_dir: Path) -> None:
    import requests
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=cache_dir, timeout=TIMEOUT_S)
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    problem: Exception | None = None
    for _ in range(ATTEMPTS):
        jar.path(cache_dir).unlink(missing_ok=True)  # what a killed download left
        try:
            context.resolver.download(artifact)
        except requests.RequestException as error:
            problem = error
            continue
        except RuntimeError as error:
            raise JarsError(f"Maven Central has no {jar.artifact} {jar.version}: {error}") from error
        except OSError as error:
            raise JarsError(f"cannot write {jar.artifact} to {cache_dir}: {error.strerror or error}") from error
        if not _is_whole(jar, cache_dir):
            jar.path(cache_dir).unlink(missing_ok=True)
            raise JarsError(f"{jar.artifact} {jar.version} from Maven Central is not the pinned file (sha256 differs)")
        return
    raise JarsError(
        f"cannot reach Maven Central, which the first start needs for {jar.artifact} {jar.version} "
        f"({type(problem).__name__}). Connect once, or set HTTPS_PROXY, or copy the jars from another machine's cache "
        f"to {cache_dir}, or set KAFKA_BOOTSTRAP_SERVERS to use a cluster of your own"
    ) from problem


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_lock(version: str, cache_dir: Path) -> None:
    """Resolve Kafka of this version and its log4j binding, and pin every jar in the lock file."""
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=cache_dir, timeout=TIMEOUT_S)
    pinned: dict[tuple[str, str], Jar] = {}

    def resolve(coordinate: str) -> None:
        # Each by itself: jgo lets one's managed versions (log4j's BOM) override the other's.
        inputs, transitive = context.resolver.resolve([context.create_dependency(coordinate)])
        for dependency in [*inputs, *(one for one in transitive if one.scope in ("compile", "runtime"))]:
            artifact = dependency.artifact
            if (artifact.groupId, artifact.artifactId) not in pinned:
                sha256 = hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()
                jar = Jar(artifact.groupId, artifact.artifactId, artifact.version, sha256)
                pinned[artifact.groupId, artifact.artifactId] = jar

    resolve(f"org.apache.kafka:kafka_2.13:{version}")
    log4j = pinned["org.apache.logging.log4j", "log4j-core"].version
    resolve(f"org.apache.logging.log4j:log4j-slf4j-impl:{log4j}")
    rows = ",\n".join(f"    {json.dumps(jar)}" for jar in pinned.values())
    LOCK.write_text(f'{{\n  "kafka": "{version}",\n  "jars": [\n{rows}\n  ]\n}}\n')


if __name__ == "__main__":
    write_lock(sys.argv[1] if len(sys.argv) > 1 else kafka_version(), default_cache_dir())
