import errno
import socket

import pytest

from stock_analysis.testing.processes import free_port
from stock_ops.local.facts.health import ask_platform
from stock_ops.local.facts.ports import is_free, is_taken, obstacle
from tests.integration.ops.conftest import Maker


def test_a_port_is_taken_only_when_somebody_listens_on_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert is_taken("127.0.0.1", port)
        assert not is_free("127.0.0.1", port)
    assert is_free("127.0.0.1", port)


NO_NAMES = ("a..b", "no such host", "x" * 70)


@pytest.mark.parametrize("host", ["203.0.113.7", *NO_NAMES])
def test_an_address_that_is_not_ours_is_neither_free_nor_taken(host: str) -> None:
    found = obstacle(host, free_port())
    assert found
    assert found.errno != errno.EADDRINUSE
    assert not is_taken(host, free_port())


@pytest.mark.parametrize("host", NO_NAMES)
def test_a_name_that_no_host_can_have_does_not_answer(host: str) -> None:
    assert not ask_platform(host, free_port()).answers


def test_settings_from_the_environment_are_refused_unless_they_are_the_instances_own(make: Maker) -> None:
    instance = make(stub=True)
    ours = {"STOCK_CONFIG_FILE": f"{instance.layout.platform_config}"}
    assert instance.run("up", "--dry-run", **ours).code == 0
    error = instance.refused(STOCK_CONFIG_FILE="/srv/other.toml", STOCK_PORT="1")
    assert error["kind"] == "ConflictingSettingsError"
    assert "STOCK_CONFIG_FILE, STOCK_PORT are set" in error["why"]


@pytest.mark.parametrize(
    ("line", "kind", "said"),
    [
        ('drain_s = "2s"', "SettingError", "overrides.toml: drain_s ="),
        ("log_level = 2024-01-01", "SettingError", "overrides.toml: log_level ="),
        (
            "nonsense = 1\nnone = 2",
            "RefusedSettingsError",
            "none: no such setting; nonsense: no",
        ),
        ('host = "a..b"', "AddressError", "cannot listen on a..b"),
    ],
)
def test_bad_settings_of_the_operator_are_refused_in_words(
    make: Maker, line: str, kind: str, said: str
) -> None:
    instance = make(stub=True)
    instance.layout.config.mkdir(parents=True)
    instance.layout.overrides.write_text(line + "\n")
    error = instance.refused()
    assert error["kind"] == kind
    assert said in error["why"]
    assert "overrides.toml" in error["why"] + error["todo"]
    assert instance.run("status").code == 3
