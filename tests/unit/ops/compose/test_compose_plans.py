"""What is told of containers, and which steps a start takes; no engine is asked."""

from dataclasses import replace
from pathlib import Path

import pytest

from stock_ops.compose.facts.containers import Container
from stock_ops.compose.facts.engine import Engine
from stock_ops.compose.facts.stack import Files, read_operators, read_variables
from stock_ops.compose.facts.standing import Standing
from stock_ops.compose.plans.doctor import Seen, examine
from stock_ops.compose.plans.services import ORDER, expected
from stock_ops.compose.plans.settings import (
    backup_settings_inside,
    missing_images,
    published,
    refuse_missing,
    variables_text,
)
from stock_ops.compose.plans.status import part_state
from stock_ops.compose.plans.up import Start, Stop, plan_down, plan_up
from stock_ops.kit.errors import CorruptFileError, MissingProgramError, SettingError
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.folder import observe_folder
from stock_ops.local.facts.health import Health, PartsHealth
from stock_ops.local.facts.host import observe_host

WELL = Container(
    service="stock",
    id="1",
    name="p_stock_1",
    status="running",
    pid=7,
    started=1.0,
    finished=None,
    exit_code=0,
    restarts=0,
    host=None,
    port=None,
    health=Health(True),
    usage=None,
)
ALL = {name: replace(WELL, service=name) for name in ORDER}
FILES = Files(Layout(Path("/data")))


@pytest.mark.parametrize(
    ("container", "state"),
    [
        (None, "stopped"),
        (WELL, "healthy"),
        (replace(WELL, health=Health(False, "its health check fails")), "unhealthy"),
        (replace(WELL, status="restarting", exit_code=1), "failed"),
        (replace(WELL, status="exited", exit_code=0), "stopped"),
        (replace(WELL, status="exited", exit_code=143), "stopped"),
        (replace(WELL, status="exited", exit_code=137), "failed"),
        (replace(WELL, status="created"), "stopped"),
    ],
)
def test_the_state_of_a_part(container: Container | None, state: str) -> None:
    found, reason = part_state(container)
    assert found == state
    assert bool(reason) == (state in {"unhealthy", "failed"})


def test_nothing_is_done_where_all_runs_well() -> None:
    assert plan_up(expected(backups=True, live=True), ALL, changed=False) == ()


def test_servers_are_started_before_migrations_and_services_behind_them() -> None:
    titles = [step.title for step in plan_up(expected(backups=True, live=True), {}, changed=False)]
    assert titles == [
        *("Settings", "PostgreSQL", "Valkey", "Kafka", "Database roles", "Migrations"),
        *("Backups", "Database of drills", "stock-service", "sentiment-service", "Relay", "Gateway"),
        *("Live prices", "Memory"),
    ]


def test_only_what_is_missing_is_started_unless_the_settings_changed() -> None:
    containers = ALL | {"gateway": replace(WELL, service="gateway", health=Health(False, "no"))}
    some, every = (
        plan_up(expected(backups=True, live=True), containers, changed=one) for one in (False, True)
    )
    assert [step.service for step in some if isinstance(step, Start)] == ["gateway"]
    assert [step.service for step in every if isinstance(step, Start)] == list(ORDER)


def test_without_backups_their_part_and_the_database_of_drills_are_not_expected() -> None:
    assert {"backup", "drill-database"}.isdisjoint(expected(backups=False, live=True))


def test_live_prices_run_where_a_source_is_configured_and_are_stopped_where_none_is_any_more() -> None:
    without = expected(backups=True, live=False)
    assert set(ORDER) - set(without) == {"live"}
    steps = plan_up(without, ALL, changed=False)
    assert [step.service for step in steps if isinstance(step, Start | Stop)] == ["live"]
    assert any(isinstance(step, Stop) for step in steps)
    assert plan_up(without, {name: ALL[name] for name in without}, changed=False) == ()
    ended = ALL | {"live": replace(WELL, service="live", status="exited")}
    assert plan_up(without, ended, changed=False) == ()


def test_the_database_is_stopped_last_and_the_backups_after_the_platform() -> None:
    titles = [step.title for step in plan_down(ALL)]
    assert titles == [
        "Gateway",
        "Live prices",
        "stock-service",
        "sentiment-service",
        "Relay",
        "Backups",
        "Database of drills",
        "Kafka",
        "Valkey",
        "PostgreSQL",
    ]
    assert plan_down({"stock": replace(WELL, status="exited")}) == ()


def test_every_image_must_be_named() -> None:
    assert missing_images({"PLATFORM_IMAGE": "a"})[0] == "OPS_IMAGE"
    with pytest.raises(MissingProgramError, match="OPS_IMAGE"):
        refuse_missing(FILES, {"PLATFORM_IMAGE": "a"})


@pytest.mark.parametrize(
    ("told", "port", "found"),
    [
        (None, None, ("127.0.0.1", 8080)),
        ("127.0.0.1:9000", None, ("127.0.0.1", 9000)),
        ("127.0.0.1:9000", 9001, ("127.0.0.1", 9001)),
        ("9000", None, ("0.0.0.0", 9000)),  # noqa: S104 - as compose reads it
    ],
)
def test_the_published_address(told: str | None, port: int | None, found: tuple[str, int]) -> None:
    assert published(FILES, {"STOCK_PUBLISH": told} if told else {}, port) == found


@pytest.mark.parametrize("told", ["everywhere:80", "127.0.0.1:0", "127.0.0.1:99999"])
def test_an_address_that_makes_no_sense_is_refused(told: str) -> None:
    with pytest.raises(SettingError, match="STOCK_PUBLISH"):
        published(FILES, {"STOCK_PUBLISH": told}, None)


def test_the_environment_goes_before_the_file_and_that_before_the_last_start(tmp_path: Path) -> None:
    files = Files(Layout(tmp_path))
    for path, text in (
        (files.generated, "KAFKA_IMAGE=last\nVALKEY_IMAGE=last\nOPS_IMAGE=last\n"),
        (files.settings, "# mine\nVALKEY_IMAGE=file\nOPS_IMAGE='file'\nSTOCK_UID=\n"),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    found = read_operators(files, {"OPS_IMAGE": "environment", "STOCK_PRELOAD_LIBRARIES": ""})
    assert found == {
        "OPS_IMAGE": "environment",
        "VALKEY_IMAGE": "file",
        "KAFKA_IMAGE": "last",
        "STOCK_PRELOAD_LIBRARIES": "",
    }


def test_a_file_of_variables_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    path = tmp_path / "compose.env"
    path.write_text("PLATFORM_IMAGE\n")
    with pytest.raises(CorruptFileError, match=r"compose\.env"):
        read_variables(path)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "compose.env"
    path.write_text(variables_text({"A": "1", "B": "127.0.0.1:80"}))
    assert read_variables(path) == {"A": "1", "B": "127.0.0.1:80"}


def test_a_folder_of_this_machine_is_another_one_in_the_container() -> None:
    text = backup_settings_inside({"storage": "/srv/backups", "key_file": "/root/key", "keep_days": 3})
    assert 'storage = "/var/lib/stock-ops-backups"' in text
    assert "keep_days = 3" in text
    assert "/root/key" not in text
    assert 'storage = "s3://b/p"' in backup_settings_inside({"storage": "s3://b/p"})


def seen(standing: Standing) -> Seen:
    engine = Engine("podman-compose", "1.6", "podman", ("podman-compose",))
    wrong = CorruptFileError(Path("/data/x"), "it is no TOML", "Correct it.")
    return Seen(
        files=FILES,
        folder=observe_folder(Path("/data"), None),
        host=observe_host(),
        engine=engine,
        operators=wrong,
        images={},
        backups=wrong,
        port=8080,
        port_problem=None,
        standing=standing,
        relay="p_relay_1",
    )


def test_doctor_tells_what_was_set_aside_with_a_command_for_this_engine() -> None:
    standing = Standing(
        events=PartsHealth(True, "events: Kafka with 1 broker, active, 0 wait, 3 set aside"),
        live=PartsHealth(False, "sources: coinbase not begun"),
    )
    found = {one.check: one for one in examine(seen(standing))}
    assert (found["Events"].state, found["Live prices"].state) == ("warning", "warning")
    assert "`podman exec p_relay_1 stock-analysis events dead list`" in found["Events"].todo
    assert "STOCK_LIVE_SOURCES in /data/config/compose.env" in found["Live prices"].todo


def test_doctor_says_nothing_of_events_where_no_service_does() -> None:
    assert not {"Events", "Live prices"} & {one.check for one in examine(seen(Standing()))}
