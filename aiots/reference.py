"""The reference page of the settings, made from the code that reads them: `aiots config --reference`."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from itertools import pairwise
from typing import Any, cast

from aiots import mandates
from aiots.config import KAFKA_VARIABLES, Config
from schemas.records import Mandate
from streams.runtime.options import resolve
from streams.topology import STAGES

INTRODUCTION = """# Settings

Made by `aiots config --reference`; edit the code, not this page.

A process takes its settings from `$AIOTS_CONFIG`, else `./aiots.toml`, else `$XDG_CONFIG_HOME/aiots/config.toml`;
a variable of the environment goes before the file. `aiots config` prints what is in force.
"""
FROM_KAFKA = ("kafka", "embedded")
TABLES = ("processes", "stage_params", "mandates")


def page() -> str:
    """Return the page as Markdown."""
    lines = [INTRODUCTION, "## The process", "", "| setting | variable | default | what |", "|---|---|---|---|"]
    said = _field_texts(Config)
    for one in fields(Config):
        if one.name not in (*FROM_KAFKA, *TABLES):
            default = "see the text" if one.name == "state_dir" else _default(one)
            lines.append(f"| `{one.name}` | `AIOTS_{one.name.upper()}` | {default} | {said.get(one.name, '')} |")
    lines += ["", f"Table `[processes]` (`AIOTS_PROCESSES`, JSON): {said['processes']}"]
    lines += ["", "## The broker", "", "Our own on loopback where `KAFKA_BOOTSTRAP_SERVERS` is not set.", ""]
    lines += ["| variable | librdkafka's name |", "|---|---|"]
    lines += [f"| `{variable}` | `{name}` |" for variable, name in KAFKA_VARIABLES.items()]
    lines += ["", "A secret may stand in a file: `KAFKA_SASL_PASSWORD_FILE`, `KAFKA_SSL_KEY_PASSWORD_FILE` name it."]
    lines += ["", "## Stages: `[stages.NAME]` (`AIOTS_STAGES`, JSON)"]
    for stage in STAGES:
        lines += ["", f"### `[stages.{stage.name}]`", "", *_table(resolve(stage.params))]
    lines += [
        "",
        "## Accounts: `[mandates.ACCOUNT]` (`AIOTS_MANDATES`, JSON)",
        "",
        "| setting | default |",
        "|---|---|",
    ]
    lines += [f"| `{name}` | {_shown(mandates.DEFAULTS[name])} |" for name in _mandate_names()]
    lines += ["", "```toml", *(inspect.getdoc(mandates) or "").splitlines()[2:], "```"]
    lines += ["", textwrap.fill(inspect.getdoc(Mandate) or "", 120)]
    return "\n".join(lines) + "\n"


def _mandate_names() -> list[str]:
    return [one.name for one in fields(Mandate) if one.name not in ("account", "event_ns")]


def _table(kind: Any) -> Iterator[str]:
    said = [one.__doc__ or "" for one in reversed(kind.__mro__) if is_dataclass(one)]
    yield textwrap.fill(" ".join(" ".join(said).split()), 120)
    yield ""
    yield "| parameter | default |"
    yield "|---|---|"
    for one in fields(kind):
        if one.init:
            yield f"| `{one.name}` | {_default(one)} |"


def _default(one: Field[Any]) -> str:
    if one.default is not MISSING:
        return _shown(one.default)
    return _shown(one.default_factory()) if one.default_factory is not MISSING else "none"


def _shown(value: Any) -> str:
    return f"`{dict(value)}`" if hasattr(value, "keys") else f"`{value!r}`"


def _field_texts(kind: type) -> dict[str, str]:
    """Return the string that stands below each field of a class."""
    body = cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]).body
    found = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[cast(ast.Name, field.target).id] = " ".join(str(text.value.value).split())
    return found
