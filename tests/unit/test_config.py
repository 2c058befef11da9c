"""Settings: file and environment meet in one frozen dataclass, and what is wrong is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aiots.config import ConfigError, endpoint_file, load_config
from aiots.stage import stage_params
from streams.runtime.options import build_of, make_params, stage_named


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}


def write(env: dict[str, str], text: str) -> dict[str, str]:
    path = Path(env["XDG_CONFIG_HOME"]) / "settings.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return env | {"AIOTS_CONFIG": str(path)}


def test_without_settings_the_embedded_broker_on_loopback_is_used(env: dict[str, str], tmp_path: Path) -> None:
    """A fresh machine needs no file and no variable."""
    config = load_config(environ=env)
    assert (config.world, config.partitions, config.embedded) == ("live", 3, True)
    assert dict(config.kafka) == {"bootstrap.servers": "127.0.0.1:19092"}
    assert config.state_dir == tmp_path / "state" / "aiots"


def test_option_goes_before_variable_before_file(env: dict[str, str]) -> None:
    """The nearest to the hand wins."""
    env = write(env, 'world = "file"\npartitions = 5')
    assert load_config(environ=env).world == "file"
    assert load_config(environ=env | {"AIOTS_WORLD": "variable"}).world == "variable"
    assert load_config(world="option", environ=env | {"AIOTS_WORLD": "variable"}).world == "option"
    assert load_config(environ=env | {"AIOTS_PARTITIONS": "7"}).partitions == 7


def test_tables_of_processes_and_stages(env: dict[str, str]) -> None:
    """A stage's parameters and process count are reached by its name."""
    env = write(env, 'accounts = ["a", "b"]\n[processes]\nanalytics = 2\n[stages.router]\nmark_interval_s = 5')
    config = load_config(environ=env)
    assert config.processes == {"analytics": 2}
    assert config.stage_params["router"] == {"mark_interval_s": 5}
    assert config.accounts == ("a", "b")


def test_outside_cluster_with_security(env: dict[str, str], tmp_path: Path) -> None:
    """KAFKA_* become librdkafka's settings, a secret may stand in a file, and none of them is in the repr."""
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    config = load_config(
        environ=env
        | {
            "KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9093",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_SASL_USERNAME": "me",
            "KAFKA_SASL_PASSWORD_FILE": str(secret),
            "KAFKA_SSL_CA_LOCATION": "ca.pem",
        }
    )
    assert not config.embedded
    assert dict(config.kafka) == {
        "bootstrap.servers": "kafka.example:9093",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "hush",
        "ssl.ca.location": "ca.pem",
    }
    assert "hush" not in repr(config)


def test_endpoint_of_a_running_broker_is_found(env: dict[str, str], tmp_path: Path) -> None:
    """A broker on another port than the configured one is found by its endpoint file."""
    path = endpoint_file(tmp_path / "state" / "aiots")
    path.parent.mkdir(parents=True)
    path.write_text("127.0.0.1:4711\n")
    assert load_config(environ=env).kafka["bootstrap.servers"] == "127.0.0.1:4711"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('world = "a.b"', "world"),
        ("partitions = 0", "partitions"),
        ("partitions = true", "partitions"),
        ("accounts = []", "accounts"),
        ("gateway_port = 70000", "gateway_port"),
        ("colour = 1", "unknown setting 'colour'"),
        ("[processes]\nanalytics = -1", "processes.analytics"),
        ("[stages]\nrouter = 3", "stages"),
        ("world = ", "settings.toml"),
    ],
)
def test_a_wrong_setting_is_named(env: dict[str, str], text: str, named: str) -> None:
    """The message says which setting and what was seen."""
    with pytest.raises(ConfigError, match=named):
        load_config(environ=write(env, text))


def test_command_line_ends_with_one_line_on_a_wrong_setting(tmp_path: Path) -> None:
    """No traceback for what a person can mend."""
    done = subprocess.run(
        [sys.executable, "-m", "aiots", "broker", "status"],
        env=os.environ | {"AIOTS_PARTITIONS": "none", "AIOTS_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == "error: AIOTS_PARTITIONS: expected a whole number from 1 to 1024, was 'none'\n"


def test_rates_are_parameters_of_analytics_whose_hash_names_them(env: dict[str, str]) -> None:
    """A checkpoint tells by the hash of the parameters whether it was made with the same rates."""

    def hashed(rates: str) -> str:
        config = load_config(environ={**env, "AIOTS_RATES": rates})
        stage = stage_named("analytics")
        return build_of(stage, make_params(stage, stage_params(config, "analytics"))).params

    curve = '{"2023-08-03": {"years": [0.1, 1], "zero_rates": [0.05, 0.04]}}'
    assert len({hashed("{}"), hashed('{"2023-08-03": 0.05}'), hashed(curve)}) == 3
    assert hashed(curve) == hashed(curve)
