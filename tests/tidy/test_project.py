"""The project's own files agree with each other."""

import json
import re
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from aiots.config import Config
from aiots.reference import FROM_KAFKA, page
from deploy.local.broker_files import SETTINGS
from deploy.local.jars import LOCK, kafka_version

ROOT = Path(__file__).parents[2]


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def folders_of(package: str) -> set[str]:
    return {f"{package}.{path.parent.name}" for path in (ROOT / package).glob("*/__init__.py")}


def contract(name: str) -> dict[str, Any]:
    contracts = pyproject()["tool"]["importlinter"]["contracts"]
    return next(one for one in contracts if one["name"].startswith(name))


def test_no_import_contract_has_an_exception() -> None:
    """Contracts hold everywhere, or they are changed in the open."""
    for one in pyproject()["tool"]["importlinter"]["contracts"]:
        assert "ignore_imports" not in one, one["name"]


def test_import_contracts_name_every_folder_of_streams() -> None:
    """A new folder of streams is held by the contracts from its first commit."""
    core = folders_of("streams") - {"streams.log", "streams.runtime"}
    modules = {f"streams.{path.stem}" for path in (ROOT / "streams").glob("*.py")} - {"streams.__init__"}
    assert set(contract("the core does no I/O")["source_modules"]) >= core
    assert set(contract("data flows down")["layers"]) == core | {"streams.runtime"}
    assert set(contract("connectors and gateway import")["forbidden_modules"]) >= (folders_of("streams") | modules) - {
        "streams.log"
    }


def test_lock_file_pins_by_hash_and_names_no_host() -> None:
    """Any registry serves the same bytes; which one is the reader's environment's business."""
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    locked = {re.split(r"[=\[ ]", entry)[0].lower().replace("_", "-") for entry in entries}
    project = pyproject()
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    assert {re.split(r"[<>=\[ ]", name)[0].lower() for name in wanted} <= locked


def test_jars_are_pinned_by_hash() -> None:
    """The broker's class path is the same bytes everywhere."""
    pinned = json.loads(LOCK.read_text())
    assert all(re.fullmatch(r"[0-9a-f]{64}", row[3]) for row in pinned["jars"])
    assert ["kafka_2.13", kafka_version()] in [row[1:3] for row in pinned["jars"]]


def test_compose_file_is_the_embedded_broker() -> None:
    """The broker in Docker has the version and settings of the embedded one."""
    kafka = yaml.safe_load((ROOT / "docker-compose.kafka.yml").read_text())["services"]["kafka"]
    assert kafka["image"] == f"apache/kafka:{kafka_version()}"
    given = kafka["environment"]
    assert {name: given.get(f"KAFKA_{name.upper().replace('.', '_')}") for name in SETTINGS} == SETTINGS
    assert all(port.startswith("127.0.0.1:") for port in kafka["ports"])


def test_make_help_names_the_targets() -> None:
    """`make help` gives one line for each target that the README names."""
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for target in ("help", "demo", "test", "check", "bench", "soak"):
        assert sum(line.split()[:2] == ["make", target] for line in shown) == 1


def test_the_page_of_settings_is_that_of_the_code() -> None:
    """Made by `aiots config --reference`; every setting that is read stands in it."""
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert text == page(), "run: aiots config --reference > docs/configuration.md"
    for setting in fields(Config):
        assert setting.name in FROM_KAFKA or setting.name == "stage_params" or setting.name in text
