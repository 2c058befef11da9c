"""Schemas change only in ways that old bytes and old readers survive; whoever changes one is told what to do."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas import ids
from tests.wire_records import SCHEMAS, canonical, datums_of

ROOT = Path(__file__).parents[2]
VERSIONS = sorted(ids.LOCK)


def _common(of: Any, other: Any) -> Any:
    """Return what a datum has in fields that another one has too, at any depth."""
    if isinstance(of, dict):
        return {name: _common(value, other[name]) for name, value in of.items() if name in other}
    if isinstance(of, list) and len(of) == len(other):
        return [_common(one, two) for one, two in zip(of, other, strict=True)]
    return of


def problem(written: dict[str, Any], reading: dict[str, Any]) -> str:
    """Why a reader of one schema cannot read what is written with another; empty where it can."""
    writer = fastavro.parse_schema(written, named_schemas={})
    reader = fastavro.parse_schema(reading, named_schemas={})
    failures: list[str] = []

    @settings(
        max_examples=30,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(datum=datums_of(written))
    def read(datum: dict[str, Any]) -> None:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, writer, datum)
        out.seek(0)
        try:
            back: Any = fastavro.schemaless_reader(out, writer, reader)
        except Exception as error:  # fastavro raises many kinds
            failures.append(f"{type(error).__name__}: {error}")
            return
        if repr(canonical(_common(back, datum))) != repr(canonical(_common(datum, back))):
            failures.append("a value changed")

    read()
    return failures[0] if failures else ""


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_reads_and_is_read_by_the_current(version: str) -> None:
    """Old bytes stay readable, and readers that have not been updated yet read what is written now."""
    old = json.loads((ids.HISTORY / f"{version}.avsc").read_text())
    current = SCHEMAS[version.partition(".")[0]]
    assert problem(old, current) == ""
    assert problem(current, old) == ""


def test_ids_are_never_used_twice_and_every_version_has_its_schema() -> None:
    """An id means one schema, for ever."""
    assert len(set(ids.LOCK.values())) == len(ids.LOCK)
    assert {path.stem for path in ids.HISTORY.glob("*.avsc")} == set(ids.LOCK)
    for name, of in ids.VERSIONS.items():
        assert [f"{name}.{number}" for number in range(1, len(of) + 1)] == [
            version for version in ids.LOCK if version.partition(".")[0] == name
        ]


def _add(field: dict[str, Any]) -> Any:
    def change(schema: dict[str, Any]) -> None:
        schema["fields"].append(field)

    return change


def _drop_last(schema: dict[str, Any]) -> None:
    schema["fields"].pop()


def _rename_last(schema: dict[str, Any]) -> None:
    schema["fields"][-1]["name"] = "other"


def _retype_last(schema: dict[str, Any]) -> None:
    schema["fields"][-1]["type"] = "double"


def _add_symbol(schema: dict[str, Any]) -> None:
    schema["fields"][2]["type"]["symbols"].append("PAUSE")


@pytest.mark.parametrize(
    "change",
    [_add({"name": "new", "type": "long"}), _drop_last, _rename_last, _retype_last, _add_symbol],
    ids=["field without default", "field removed", "field renamed", "type changed", "symbol added"],
)
def test_a_change_that_old_readers_do_not_survive_is_seen(change: Any) -> None:
    """Planted: each of these breaks reading one way or the other."""
    current = json.loads((ids.HISTORY / "Control.1.avsc").read_text())
    changed = json.loads((ids.HISTORY / "Control.1.avsc").read_text())
    change(changed)
    assert problem(current, changed) or problem(changed, current)


def test_a_new_field_with_a_default_is_no_problem() -> None:
    """The change that is meant to be made."""
    current = json.loads((ids.HISTORY / "Control.1.avsc").read_text())
    changed = json.loads((ids.HISTORY / "Control.1.avsc").read_text())
    changed["fields"].append({"name": "new", "type": "long", "default": 7})
    assert problem(current, changed) == ""
    assert problem(changed, current) == ""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of schemas/ that a test may change."""
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def python(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=tree, capture_output=True, text=True, timeout=60, check=False
    )


def change(tree: Path, record: str, **field: Any) -> None:
    """Add a field to a schema of the copied tree."""
    path = tree / "schemas" / "avro" / f"{record}.avsc"
    schema = json.loads(path.read_text())
    schema["fields"].append(field)
    path.write_text(json.dumps(schema, indent=2))


def test_what_is_generated_is_what_the_schemas_say(tree: Path) -> None:
    """records.py, codecs.py, history/ and the lock file are up to date."""
    found = python(tree, "-m", "schemas.generate", "--check")
    assert found.returncode == 0, found.stderr


def test_a_changed_schema_without_a_new_version_fails_and_says_what_to_do(tree: Path) -> None:
    """The message names the record, the rules and the command; after the command all is right."""
    change(tree, "Mark", name="open", type="double", default=0.0, doc="First trade.")
    found = python(tree, "-m", "schemas.generate", "--check")
    assert found.returncode == 1
    for text in ("changed shape: Mark", "with a default only", "python -m schemas.generate --new-version", "history/"):
        assert text in found.stderr
    assert python(tree, "-m", "schemas.generate").returncode == 1
    assert python(tree, "-m", "schemas.generate", "--new-version").returncode == 0
    assert python(tree, "-m", "schemas.generate", "--check").returncode == 0
    lock = json.loads((tree / "schemas" / "ids.lock.json").read_text())
    assert lock["Mark.1"] == ids.LOCK["Mark.1"]
    assert lock["Mark.2"] == max(ids.LOCK.values()) + 1
    assert (tree / "schemas" / "history" / "Mark.2.avsc").exists()


def test_a_changed_doc_is_no_new_version(tree: Path) -> None:
    """What only people read may be said better at any time; the generated files follow."""
    path = tree / "schemas" / "avro" / "Mark.avsc"
    path.write_text(path.read_text().replace("Last trade.", "The last trade."))
    found = python(tree, "-m", "schemas.generate", "--check")
    assert found.returncode == 1
    assert "not what the schemas say: Mark.1.avsc, records.py" in found.stderr
    assert python(tree, "-m", "schemas.generate").returncode == 0
    assert json.loads((tree / "schemas" / "ids.lock.json").read_text()) == ids.LOCK


READ_OLD = """
import numpy as np
from schemas import binary, frames, ids, wire
mark = wire.decode(bytes.fromhex(MARK))
assert (mark.symbol, mark.volume, mark.open) == ("SPY", 600, 7.5), mark
new = wire.modernise(bytes.fromhex(MARK))
assert wire.schema_id_of(new) == ids.SCHEMA_IDS["Mark"] == max(ids.LOCK.values()) - 1, new
assert wire.decode(new) == mark and wire.modernise(new) is new and wire.name_of(bytes.fromhex(MARK)) == "Mark"
old = bytes.fromhex(TICKS)
data = np.frombuffer(old, np.uint8)
columns = [np.empty(8, kind) for kind in (np.int64, np.uint8, np.uint8, np.float64, np.int64, np.int64)]
code = frames.decode_ticks(data, 0, len(data), *columns)
assert code == binary.Malformed.OTHER_SCHEMA, code
assert wire.decode(wire.modernise(old)).price.tolist() == [168.5, 168.75]
for cut in range(5, len(old)):
    try:
        wire.modernise(old[:cut])
    except wire.WireError:
        continue
    raise AssertionError(cut)
print("read")
"""


def test_bytes_of_an_older_version_are_read_and_made_new(tree: Path) -> None:
    """A topic holds old records for years: they are decoded with defaults; kernels get them rewritten."""
    import numpy as np

    from schemas import frames, wire
    from schemas.records import Mark

    mark = wire.encode(Mark("SPY", 1, 1.0, 2.0, 3.0, 4.0, 5.0, 600))
    zeros, ones = np.zeros(2, np.uint8), np.ones(2, np.int64)
    ticks = frames.encode_ticks("SPY", "lean", ones, zeros, zeros, np.array([168.5, 168.75]), ones, ones)
    change(tree, "Mark", name="open", type="double", default=7.5, doc="First trade.")
    change(tree, "TickFrame", name="venue", type="string", default="", doc="Venue.")
    assert python(tree, "-m", "schemas.generate", "--new-version").returncode == 0
    found = python(tree, "-c", f"MARK = '{mark.hex()}'\nTICKS = '{ticks.hex()}'\n{READ_OLD}")
    assert found.stdout == "read\n", found.stderr


@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_slow_way_reads_what_the_fast_way_reads(name: str, data: st.DataObject) -> None:
    """decode_old resolves by fastavro: of the current version it gives the record that decode gives."""
    from schemas import wire
    from tests.wire_records import by_fastavro

    payload = by_fastavro(name, data.draw(datums_of(SCHEMAS[name])))
    assert wire.encode(wire.decode_old(payload)) == wire.encode(wire.decode(payload))
