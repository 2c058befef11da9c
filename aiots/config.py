"""The settings of a process, from a TOML file and `AIOTS_*` variables; a variable goes before the file.

The file is $AIOTS_CONFIG, else ./aiots.toml, else $XDG_CONFIG_HOME/aiots/config.toml; none need exist:

    world = "live"
    partitions = 3
    accounts = ["paper"]
    [processes]              # processes a stage, 1 where unnamed
    analytics = 2
    [stages.router]          # parameters of a stage, by the names of its Params
    mark_interval_s = 5
    [mandates.paper]         # what an account may do, by the names of Mandate; the rest by default
    risk_fraction = 0.002
    [rates]                  # zero rates by the day from which they hold (streams/options/rates.py)
    2023-07-27 = 0.055

In the environment the tables are JSON: AIOTS_PROCESSES='{"analytics": 2}', AIOTS_STAGES='{"router": {...}}'.

The broker is that of KAFKA_BOOTSTRAP_SERVERS (with KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_* and KAFKA_SSL_*; a secret may
stand in a file that KAFKA_SASL_PASSWORD_FILE or KAFKA_SSL_KEY_PASSWORD_FILE names), else the embedded one on loopback.
"""

import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from schemas.topics import check_world

KAFKA_VARIABLES = {
    f"KAFKA_{name}": name.lower().replace("_", ".")
    for name in (
        "BOOTSTRAP_SERVERS",
        "SECURITY_PROTOCOL",
        "SASL_MECHANISM",
        "SASL_USERNAME",
        "SASL_PASSWORD",
        "SASL_KERBEROS_SERVICE_NAME",
        "SSL_CA_LOCATION",
        "SSL_CERTIFICATE_LOCATION",
        "SSL_KEY_LOCATION",
        "SSL_KEY_PASSWORD",
        "SSL_ENDPOINT_IDENTIFICATION_ALGORITHM",
    )
}
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ConfigError(ValueError):
    """A setting that cannot be used; the text says where it stands, what was expected and what was seen."""


def _empty() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Config:
    """Settings of one process. Names end with their unit."""

    world: str = "live"
    """Prefix of every topic, group and transactional id."""
    partitions: int = 3
    """Partitions of every data topic; fixed for a world."""
    accounts: tuple[str, ...] = ("paper",)
    """Names of the accounts that trade; in the environment separated by commas."""
    state_dir: Path = Path()
    """Where the broker's data, logs and pid files stand; default $XDG_STATE_HOME/aiots."""
    kafka: Mapping[str, str] = field(default_factory=_empty, repr=False)
    """librdkafka's connection settings; hidden from repr, as they may hold a password."""
    embedded: bool = True
    """True where the broker is our own, on loopback."""
    broker_port: int = 19092
    """Port of the embedded broker on loopback."""
    broker_heap_mb: int = 512
    """Heap of the embedded broker's JVM."""
    gateway_port: int = 8087
    """Port of the gateway on loopback."""
    metrics_port: int = 9187
    """Port of the first process's metrics; each further process of `aiots up` takes the next."""
    processes: Mapping[str, int] = field(default_factory=_empty)
    """Processes of each stage, 1 where unnamed."""
    stage_params: Mapping[str, Mapping[str, object]] = field(default_factory=_empty)
    """Parameters of each stage, by the names of its Params; table [stages.NAME] of the file."""

    mandates: Mapping[str, Mapping[str, object]] = field(default_factory=_empty)
    """What accounts may do where it is not the default (aiots/mandates.py); table [mandates.ACCOUNT] of the file."""
    rates: Mapping[str, object] = field(default_factory=_empty)
    """Zero rates by the day from which they hold (streams/options/rates.py); table [rates] of the file."""

    def environment(self) -> dict[str, str]:
        """Return the AIOTS_* variables that give a child process these settings; KAFKA_* it inherits."""
        variables = {name: getattr(self, name) for name in _PARSERS}
        variables["accounts"] = ",".join(self.accounts)
        variables["processes"] = json.dumps(dict(self.processes))
        for name, tables in (("stages", self.stage_params), ("mandates", self.mandates)):
            variables[name] = json.dumps({key: dict(params) for key, params in tables.items()}, default=str)
        variables["rates"] = json.dumps(dict(self.rates), default=str)
        return {f"AIOTS_{name.upper()}": str(value) for name, value in variables.items()}


def load_config(world: str | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Return the settings of the file and the environment; ConfigError where one cannot be used.

    world: goes before both where it is not None. environ: os.environ where None.
    """
    env = os.environ if environ is None else environ
    path = _config_path(env)
    table = _read_toml(path)
    values: dict[str, Any] = {}
    for name, parse in _PARSERS.items():
        variable = f"AIOTS_{name.upper()}"
        if name == "world" and world is not None:
            values[name] = _checked(parse, world, "--world")
        elif env.get(variable):
            values[name] = _checked(parse, env[variable], variable)
        elif name in table:
            values[name] = _checked(parse, table[name], f"{path}: {name}")
    known = {*_PARSERS, "processes", "stages", "mandates", "rates"}
    if unknown := sorted(set(table) - known):
        raise ConfigError(f"{path}: unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}")
    values.setdefault("state_dir", _default_state_dir(env))
    values["processes"] = _processes(*_table("processes", table, env, path))
    values["stage_params"] = _tables(*_table("stages", table, env, path))
    values["mandates"] = _tables(*_table("mandates", table, env, path))
    values["rates"] = _mapping(*_table("rates", table, env, path))
    if values["rates"]:
        analytics = {"rates": dict(values["rates"]), **values["stage_params"].get("analytics", {})}
        values["stage_params"] = {**values["stage_params"], "analytics": analytics}
    draft = Config(**values)
    kafka, embedded = _kafka(env, draft)
    return Config(**(values | {"kafka": kafka, "embedded": embedded}))


def endpoint_file(state_dir: Path) -> Path:
    """Return where a running embedded broker says on which address it listens."""
    return state_dir / "broker" / "endpoint"


def _kafka(env: Mapping[str, str], config: Config) -> tuple[Mapping[str, str], bool]:
    settings: dict[str, str] = {}
    for variable, name in KAFKA_VARIABLES.items():
        if env.get(variable):
            settings[name] = env[variable]
        elif secret := env.get(f"{variable}_FILE"):
            try:
                settings[name] = Path(secret).read_text().strip()
            except OSError as error:
                raise ConfigError(f"{variable}_FILE: cannot read {secret}: {error.strerror}") from error
    embedded = "bootstrap.servers" not in settings
    if embedded:
        endpoint = endpoint_file(config.state_dir)
        settings = {
            "bootstrap.servers": endpoint.read_text().strip()
            if endpoint.is_file()
            else f"127.0.0.1:{config.broker_port}"
        }
    return MappingProxyType(settings), embedded


def _table(name: str, table: Mapping[str, Any], env: Mapping[str, str], path: Path | None) -> tuple[Any, str]:
    """Return a table and where it stands: in the variable (as JSON), else in the file."""
    variable = f"AIOTS_{name.upper()}"
    if not env.get(variable):
        return table.get(name, {}), f"{path}: {name}"
    try:
        return json.loads(env[variable]), variable
    except ValueError:
        raise ConfigError(f"{variable}: expected a JSON object, was {env[variable]!r}") from None


def _config_path(env: Mapping[str, str]) -> Path | None:
    if named := env.get("AIOTS_CONFIG"):
        if not Path(named).is_file():
            raise ConfigError(f"AIOTS_CONFIG: no such file: {named}")
        return Path(named)
    home = Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return next((path for path in (Path("aiots.toml"), home / "aiots" / "config.toml") if path.is_file()), None)


def _read_toml(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error


def _default_state_dir(env: Mapping[str, str]) -> Path:
    return Path(env.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "aiots"


def _checked(parse: Callable[[Any], Any], value: Any, place: str) -> Any:
    try:
        return parse(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{place}: {error}") from None


def _name(value: Any) -> str:
    if not (isinstance(value, str) and NAME.fullmatch(value)):
        raise ValueError(f"expected 1 to 64 letters, digits, - or _, was {value!r}")
    return value


def _world(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a name, was {value!r}")
    return check_world(value)


def _accounts(value: Any) -> tuple[str, ...]:
    names = tuple(_name(part) for part in (value.split(",") if isinstance(value, str) else value))
    if not names or len(set(names)) != len(names):
        raise ValueError(f"expected one or more different names, was {value!r}")
    return names


def _whole(lowest: int, highest: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        number = int(value) if isinstance(value, str) and value.isdecimal() else value
        if not (isinstance(number, int) and not isinstance(number, bool) and lowest <= number <= highest):
            raise ValueError(f"expected a whole number from {lowest} to {highest}, was {value!r}")
        return number

    return parse


def _path(value: Any) -> Path:
    if not isinstance(value, str):
        raise ValueError(f"expected a path, was {value!r}")
    return Path(value).expanduser().absolute()


def _processes(value: Any, place: str) -> Mapping[str, int]:
    if not isinstance(value, dict):
        raise ConfigError(f"{place}: expected a table, was {value!r}")
    parse = _whole(0, 64)
    return MappingProxyType({name: _checked(parse, count, f"{place}.{name}") for name, count in value.items()})


def _mapping(value: Any, place: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ConfigError(f"{place}: expected a table, was {value!r}")
    return MappingProxyType(dict(value))


def _tables(value: Any, place: str) -> Mapping[str, Mapping[str, object]]:
    if not (isinstance(value, dict) and all(isinstance(params, dict) for params in value.values())):
        raise ConfigError(f"{place}: expected tables, one a name, was {value!r}")
    return MappingProxyType({name: MappingProxyType(params) for name, params in value.items()})


_port = _whole(1, 65535)
_PARSERS: dict[str, Callable[[Any], Any]] = {
    "world": _world,
    "partitions": _whole(1, 1024),
    "accounts": _accounts,
    "state_dir": _path,
    "broker_port": _port,
    "broker_heap_mb": _whole(256, 65536),
    "gateway_port": _port,
    "metrics_port": _port,
}
assert set(_PARSERS) <= {one.name for one in fields(Config)}
