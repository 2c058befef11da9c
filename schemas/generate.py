"""Generate records.py from the Avro schemas, and keep the id of each schema in the lock file.

Run: python -m schemas.generate                  writes records.py, ids.lock.json and history/
     python -m schemas.generate --new-version    the same, where a schema has changed shape: old bytes stay readable
     python -m schemas.generate --check          exits 1 where they are not what the schemas say
"""

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from schemas import generate_codecs

HERE = Path(__file__).parent
AVRO = HERE / "avro"
LOCK = HERE / "ids.lock.json"
RECORDS = HERE / "records.py"
CODECS = HERE / "codecs.py"
HISTORY = HERE / "history"
HOW_TO_CHANGE = (
    "changed shape: {names}. What was written before must stay readable, and what is written now must be readable by "
    "what reads the old shape: add fields with a default only, remove fields that have one only, rename nothing, "
    "add no symbol to an enum. Then run python -m schemas.generate --new-version, "
    "and commit history/ and ids.lock.json with the schema."
)

SCALARS = {"string": "str", "long": "int", "int": "int", "double": "float", "boolean": "bool", "bytes": "bytes"}
COLUMNS = {"long": "NDArray[np.int64]", "double": "NDArray[np.float64]"}
FRAMES = frozenset({"TickFrame", "BarFrame", "OptionFrame", "FeatureFrame", "ChainFrame", "SurfaceFrame"})


def load() -> dict[str, dict[str, Any]]:
    """Return each record's schema by name, in the order in which each can be defined."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(AVRO.glob("*.avsc"))}
    named = {inner["name"]: record for record in found for inner in named_types(found[record])}
    ordered: dict[str, dict[str, Any]] = {}

    def visit(name: str) -> None:
        if name in ordered:
            return
        for used in references(found[name]):
            if named[used] != name:
                visit(named[used])
        ordered[name] = found[name]

    for name in found:
        visit(name)
    return ordered


def named_types(schema: Any) -> list[dict[str, Any]]:
    """Return the records and enums that a schema defines, itself among them, inner ones first."""
    if isinstance(schema, list):
        return [named for part in schema for named in named_types(part)]
    if not isinstance(schema, dict):
        return []
    inner = [named for part in (schema.get("fields") or []) for named in named_types(part["type"])]
    inner += named_types(schema.get("items"))
    return [*inner, schema] if schema["type"] in ("record", "enum") else inner


def references(schema: Any) -> list[str]:
    """Return the names of the types that a schema uses and another file defines."""
    if isinstance(schema, str):
        return [schema.removeprefix("aiots.")] if schema.startswith("aiots.") else []
    if isinstance(schema, list):
        return [name for part in schema for name in references(part)]
    parts = [part["type"] for part in schema.get("fields") or []] + [schema.get("items", "null")]
    return [name for part in parts for name in references(part)]


def self_contained(name: str) -> dict[str, Any]:
    """Return a record's schema with every type it uses written out at first use, as a registry wants it."""
    schemas = load()
    definitions = {inner["name"]: inner for schema in schemas.values() for inner in named_types(schema)}
    done: set[str] = set()

    def expand(schema: Any) -> Any:
        if isinstance(schema, str):
            if not schema.startswith("aiots.") or schema.removeprefix("aiots.") in done:
                return schema
            return expand(definitions[schema.removeprefix("aiots.")])
        if schema["type"] in ("record", "enum"):
            done.add(schema["name"])
        out = dict(schema)
        if "fields" in out:
            out["fields"] = [field | {"type": expand(field["type"])} for field in out["fields"]]
        if "items" in out:
            out["items"] = expand(out["items"])
        return out

    whole: dict[str, Any] = expand(schemas[name])
    return whole


def python_type(schema: Any, frame: bool) -> str:
    """Return the annotation of a field."""
    if isinstance(schema, str):
        return str(SCALARS.get(schema, schema.removeprefix("aiots.")))
    if schema["type"] == "array":
        if frame and schema["items"] in COLUMNS:
            return str(COLUMNS[schema["items"]])
        return f"tuple[{python_type(schema['items'], frame)}, ...]"
    return str(schema["name"])


def python_default(schema: Any, value: Any) -> str:
    """Return the expression of a field's default: scalars, symbols of enums, and empty arrays."""
    kind = python_type(schema, frame=False)
    if isinstance(value, list):
        if value:
            raise ValueError(f"an array's default must be empty, was {value}")
        return "()"
    return f"{kind}.{value}" if isinstance(value, str) and kind != "str" else repr(value)


def render() -> str:
    """Return the text of records.py."""
    schemas = load()
    lines = [
        '"""Typed records, one a schema. Generated by schemas/generate.py: change avro/*.avsc instead."""',
        "",
        "from dataclasses import dataclass",
        "from enum import StrEnum",
        "",
        "import numpy as np",
        "from numpy.typing import NDArray",
        "",
    ]
    records = []
    for record, schema in schemas.items():
        for inner in named_types(schema):
            if inner["type"] == "enum":
                lines += ["", *render_enum(inner), ""]
            else:
                lines += ["", *render_record(inner, record), ""]
                records.append(inner["name"])
    lines += ["", "Record = " + " | ".join(schemas)]
    lines += ["RECORDS: dict[str, type] = {" + ", ".join(f'"{name}": {name}' for name in records) + "}"]
    return "\n".join(lines) + "\n"


def wrapped(text: str, indent: str = "    ") -> list[str]:
    """Return a docstring's paragraph in lines of at most 120 characters, later lines indented once more."""
    return textwrap.wrap(text, 116, initial_indent=indent, subsequent_indent=indent + "    ")


def render_enum(schema: dict[str, Any]) -> list[str]:
    body = [f'    {symbol} = "{symbol}"' for symbol in schema["symbols"]]
    return [f"class {schema['name']}(StrEnum):", *wrapped(f'"""{schema["doc"]}"""'), "", *body]


def render_record(schema: dict[str, Any], owner: str) -> list[str]:
    frame = owner in FRAMES
    fields = []
    for field in schema["fields"]:
        default = ""
        if "default" in field:
            default = f" = {python_default(field['type'], field['default'])}"
        fields.append(f"    {field['name']}: {python_type(field['type'], frame)}{default}")
    eq = "(frozen=True, slots=True, eq=False)" if frame else "(frozen=True, slots=True)"
    doc = [*wrapped(f'"""{schema["doc"]}'), ""]
    doc += [line for field in schema["fields"] for line in wrapped(f"{field['name']}: {field['doc']}")]
    doc += ['    """', ""]
    return [f"@dataclass{eq}", f"class {schema['name']}:", *doc, *fields]


def codecs() -> str:
    """Return the text of codecs.py."""
    schemas = load()
    return generate_codecs.render(schemas, FRAMES, {name: named_types(schema) for name, schema in schemas.items()})


def formatted(text: str) -> str:
    """Return Python text as ruff formats it, so that a formatter run over the tree changes nothing."""
    command = [sys.executable, "-m", "ruff", "format", "--line-length", "120", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def plain(schema: Any) -> Any:
    """Return a schema without what only people read, so that two can be compared."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key != "doc"}
    return schema


def history(new_version: bool) -> tuple[dict[str, int], dict[Path, str], list[str]]:
    """Return the lock file's ids, the texts of each record's newest history file, and the records that changed shape.

    new_version: give a record that changed shape its next version and the next free id; else only name it.
    """
    lock: dict[str, int] = json.loads(LOCK.read_text()) if LOCK.exists() else {}
    texts: dict[Path, str] = {}
    changed = []
    for name in sorted(load()):
        schema = self_contained(name)
        version = max((int(key.partition(".")[2]) for key in lock if key.partition(".")[0] == name), default=0)
        path = HISTORY / f"{name}.{version}.avsc"
        if version == 0 or (path.exists() and plain(json.loads(path.read_text())) != plain(schema)):
            if version and not new_version:
                changed.append(name)
                continue
            version += 1
            lock[f"{name}.{version}"] = max(lock.values(), default=0) + 1
        texts[HISTORY / f"{name}.{version}.avsc"] = json.dumps(schema, indent=1) + "\n"
    return lock, texts, changed


def main() -> None:
    lock, texts, changed = history("--new-version" in sys.argv)
    if changed:
        sys.exit(HOW_TO_CHANGE.format(names=", ".join(changed)))
    texts |= {RECORDS: formatted(render()), CODECS: formatted(codecs()), LOCK: json.dumps(lock, indent=2) + "\n"}
    if "--check" in sys.argv:
        stale = [path.name for path, text in texts.items() if not path.exists() or path.read_text() != text]
        sys.exit(f"not what the schemas say: {', '.join(stale)}; run python -m schemas.generate" if stale else 0)
    for path, text in texts.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
