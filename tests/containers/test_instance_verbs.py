"""The verbs of stockops on the target compose: the same words, the same JSON, as on the target local."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from stock_ops.compose.plans.services import DRILLS
from stock_ops.kit.folder_rotation import unfinished
from stock_ops.kit.layout import READER_ROLE
from stock_ops.kit.secret_folder import draw, put, values
from stock_ops.kit.secret_names import VALKEY
from tests.containers.instance import BACKUP, Instance
from tests.containers.podman import run, wait_for
from tests.containers.stack import SERVERS, SERVICES
from tests.containers.test_stack import AAPL
from tools.container_parts import JUDGES

STOCKOPS = Path(sys.executable).with_name("stockops")
SET_ASIDE = """
INSERT INTO dead_letter (consumer, topic, partition, identity, position, key, headers, data, reason, attempts)
VALUES ('delivery', 'prices.bars.v1', 0, 'test', '1', 'AAPL', '{}', 'x', 'a reason of the test', 3)
"""


def on_local(folder: Path, *words: str) -> dict[str, Any]:
    found = json.loads(run(STOCKOPS, *words, "--json", "--data", folder, check=False).stdout)
    assert isinstance(found, dict)
    return found


def test_status_tells_each_part_as_on_local(instance: Instance, tmp_path: Path) -> None:
    """The target is remembered: no verb here names it."""
    here, there = instance.told("status"), on_local(tmp_path / "none", "status")
    assert here.keys() == there.keys()
    assert here["state"] == "running"
    assert here["address"] == instance.url
    assert {part["name"]: part["state"] for part in here["parts"]} == dict.fromkeys(
        (*SERVERS, BACKUP, DRILLS, *SERVICES), "healthy"
    )
    assert {frozenset(part) for part in (*here["parts"], *there["parts"])} == {frozenset(here["parts"][0])}
    assert all(part["pid"] and part["memory_bytes"] and part["uptime_s"] > 0 for part in here["parts"])
    assert here["backups"]["archive"]["streaming"] is True


def test_status_and_doctor_tell_the_events_in_the_words_of_local(instance: Instance) -> None:
    told = instance.told("status")
    assert told["events"]["ok"] is True
    detail = r"events: Kafka with 1 broker, active, \d+ wait; delivery: active, \d+ behind"
    assert re.fullmatch(detail, told["events"]["detail"])
    assert told["live"]["detail"].startswith("live: 0 clients; ")  # no source is configured: `live` rests
    assert "Kafka with 1 broker" in instance.stockops("status").stdout
    found = {one["check"]: one for one in instance.told("doctor")["findings"]}
    assert found["Events"]["state"] == "ok"


def test_what_was_set_aside_is_told_with_a_command_that_shows_it(instance: Instance) -> None:
    """The command is typed as it is told."""

    def sql(statement: str) -> None:
        instance.sh("postgresql", f'psql -U postgres -d stock_analysis -qc "{statement}"')

    sql(SET_ASIDE)
    try:
        wait_for(lambda: " set aside" in instance.told("status")["events"]["detail"], lambda: "not told")
        (found,) = (one for one in instance.told("doctor")["findings"] if one["check"] == "Events")
        assert found["state"] == "warning"
        command = re.match(r"`([^`]+)`", found["todo"])
        assert command
        words = command[1].split()
        # Once more where podman's name server lost the question, as it does while networks come and go.
        wait_for(lambda: "a reason of the test" in run(*words, check=False).stdout, lambda: str(run(*words)))
    finally:
        sql("DELETE FROM dead_letter")


def test_another_up_changes_nothing(instance: Instance) -> None:
    before = {one: instance.state(one)["Pid"] for one in (*SERVERS, *SERVICES, BACKUP)}
    found = instance.told("up")
    assert (found["changed"], found["address"], found["steps"]) == (False, instance.url, [])
    assert {one: instance.state(one)["Pid"] for one in before} == before


def test_a_container_that_was_stopped_by_hand_is_told_and_started_again(instance: Instance) -> None:
    run("podman", "stop", "-t", "20", instance.container("stock"))
    degraded = instance.stockops("status", "--json", check=False)
    steps = [step["title"] for step in instance.told("up", "--dry-run")["steps"]]
    started = instance.told("up")
    told = json.loads(degraded.stdout)
    assert (degraded.returncode, told["state"]) == (3, "degraded")
    assert {part["name"] for part in told["parts"] if part["state"] == "stopped"} == {"stock"}
    # The gateway is not ready without it, and waited for once it has seen so.
    without = [title for title in steps if title != "Gateway"]
    assert without == ["Settings", "Database roles", "Migrations", "stock-service", "Memory"]
    assert started["changed"] is True
    assert instance.told("status")["state"] == "running"


def test_another_target_for_the_same_folder_is_refused(instance: Instance) -> None:
    done = instance.stockops("--target", "local", "up", "--json", check=False)
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["kind"] == "OtherTargetError"
    assert f"stockops move --to local --data {instance.data}" in error["todo"]


def test_logs_are_lines_of_each_part(instance: Instance) -> None:
    lines = [json.loads(line) for line in instance.stockops("logs", "--json", "-n", "3").stdout.splitlines()]
    assert {*SERVERS, *SERVICES, "migrate"} <= {line["part"] for line in lines}
    one = instance.stockops("logs", "gateway", "-n", "1").stdout
    assert len(one.splitlines()) == 1
    wrong = instance.stockops("logs", "platform", check=False)
    assert wrong.returncode == 2


def test_doctor_says_what_is_there_and_what_is_missing(instance: Instance, tmp_path: Path) -> None:
    here, there = instance.told("doctor"), on_local(tmp_path / "none", "doctor")
    assert here.keys() == there.keys()
    assert here["ok"] is True
    assert {frozenset(one) for one in (*here["findings"], *there["findings"])} == {
        frozenset({"check", "state", "detail", "todo"})
    }


def test_doctor_names_images_and_programs_that_are_missing(tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    command = (STOCKOPS, "--target", "compose", "doctor", "--json", "--data", tmp_path / "new")
    done = run(*command, environ={"PATH": str(bare)}, check=False)
    findings = {one["check"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert findings["Containers"]["state"] == "failed"
    assert "docker compose: not installed" in findings["Containers"]["detail"]
    assert findings["Images"]["state"] == "failed"
    assert "PLATFORM_IMAGE" in findings["Images"]["detail"]
    assert not (tmp_path / "new").exists()


def test_up_without_images_starts_nothing(tmp_path: Path) -> None:
    environ = {"PATH": f"{JUDGES / 'bin'}:/usr/bin:/bin"}
    command = (STOCKOPS, "--target", "compose", "up", "--json", "--data", tmp_path / "new")
    done = run(*command, environ=environ, check=False)
    assert done.returncode == 1
    assert "KAFKA_IMAGE" in json.loads(done.stdout)["error"]["why"]
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("words", [("restore", "--yes"), ("restore", "--dry-run")])
def test_a_restore_over_data_in_use_is_refused(instance: Instance, words: tuple[str, ...]) -> None:
    done = instance.stockops(*words, check=False)
    assert done.returncode == 1
    assert "in use (postgresql, stock, gateway, backup)" in " ".join(done.stderr.split())
    assert f"stockops down --data {instance.data}" in done.stderr


def test_up_finishes_a_change_of_a_secret_that_was_cut_off(instance: Instance) -> None:
    """Cut off behind its first step: the new value is drawn, and neither server knows it."""
    names, before = [READER_ROLE, VALKEY], values(instance.secrets)
    for name in names:
        put(instance.secrets, name, (draw(), *before[name]))
    begun = values(instance.secrets)
    assert unfinished(instance.secrets) == names
    assert instance.told("up")["changed"] is True
    after = values(instance.secrets)
    assert [after[name] for name in (READER_ROLE, VALKEY)] == [
        begun[name][:1] for name in (READER_ROLE, VALKEY)
    ]
    old = f"printf 'AUTH {before[VALKEY][0]}\\n' | valkey-cli"
    assert "WRONGPASS" in instance.sh("valkey", old)
    assert instance.get("/api/v1/stocks/AAPL/chart", **AAPL).status_code == 200
    assert unfinished(instance.secrets) == []
