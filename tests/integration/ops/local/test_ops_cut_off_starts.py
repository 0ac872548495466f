"""A start that is killed, interrupted or fails half-way says so, and the next one finishes it."""

import json
import signal
from functools import partial

import psutil
import pytest

from stock_analysis.testing.processes import free_port
from tests.integration.ops.conftest import Maker
from tests.integration.ops.instance import Instance, wait_for
from tests.integration.ops.local import killed_up
from tests.integration.ops.local.recovery import recovers

SHARES = 4
"""So many tests share the steps of a start among them, so that several workers have some."""


def killed_at(instance: Instance, step: int, delay_s: float) -> list[str]:
    """Run `up` that dies at a step; the titles of the steps it began."""
    done = instance.run_module(killed_up, instance.data, instance.port, step, delay_s)
    assert done.code == -signal.SIGKILL, done.out + done.err
    return done.out.splitlines()


def steps_of_a_first_start(instance: Instance) -> list[str]:
    return [step["title"] for step in instance.run("up", "--dry-run", "--json").json["steps"]]


@pytest.mark.fault
@pytest.mark.parametrize("first", range(SHARES))
def test_a_start_killed_before_any_of_its_steps_is_finished_by_the_next(make: Maker, first: int) -> None:
    count = len(steps_of_a_first_start(make("count", stub=True)))
    assert count >= 14
    for step in range(first, count, SHARES):
        instance = make(f"killed-{step}", stub=True)
        began = killed_at(instance, step, 0.0)
        assert len(began) == step + 1
        recovers(instance)
        instance.remove()


@pytest.mark.fault
@pytest.mark.parametrize("delay_s", [0.05, 0.3, 0.6])
def test_a_start_killed_while_it_makes_the_cluster_is_finished(make: Maker, delay_s: float) -> None:
    instance = make("killed", stub=True)
    killed_at(instance, steps_of_a_first_start(instance).index("Database cluster"), delay_s)
    recovers(instance)
    assert instance.sql("SELECT count(*) FROM pg_database WHERE datname = 'stock_analysis'") == "1"


@pytest.mark.fault
def test_a_start_killed_in_the_import_of_the_sample_is_finished_by_the_next(
    make: Maker, used: Instance
) -> None:
    used.up()
    expected = used.sql("SELECT count(*), sum(close) FROM bar_1d")
    used.down()
    broken = make("broken")
    killed_at(broken, steps_of_a_first_start(broken).index("Sample data"), 2.0)
    recovers(broken)
    assert broken.sql("SELECT count(*), sum(close) FROM bar_1d") == expected


def test_ctrl_c_stops_what_was_started_and_says_so(stubbed: Instance) -> None:
    process = stubbed.start("up", STUB_MIGRATE="sleep:60")
    wait_for(partial(_migrates, stubbed), "the servers run, and it migrates")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted during: Migrations" in err
    assert "stopped again" in err
    assert "Traceback" not in out + err
    assert stubbed.processes() == []
    recovers(stubbed)


def _migrates(instance: Instance) -> bool:
    lines = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return any([f"{instance.platform()}", "migrate"] == line[-2:] for line in lines)


def test_a_session_that_ends_is_like_ctrl_c(stubbed: Instance) -> None:
    process = stubbed.start("up", "--json", STUB_MIGRATE="sleep:60")
    wait_for(lambda: stubbed.processes(), "the servers run")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["error"]["kind"] == "StoppedByUserError"
    assert stubbed.processes() == []


def test_a_migration_that_fails_leaves_nothing_running(stubbed: Instance) -> None:
    error = stubbed.refused(STUB_MIGRATE="exit:1")
    assert "stock-analysis migrate failed: error: the stub was told to fail" in error["why"]
    assert "setup.log" in error["todo"]
    assert stubbed.processes() == []
    recovers(stubbed)


def test_a_platform_that_cannot_start_is_told_with_its_last_words(stubbed: Instance) -> None:
    error = stubbed.refused(STUB_SERVE="exit:1")
    assert "Platform does not start: error: the stub was told to fail" in error["why"]
    assert "platform.log" in error["todo"]
    assert stubbed.processes() == []
    recovers(stubbed)


def test_a_start_that_fails_beside_running_servers_leaves_them_running(used_stub: Instance) -> None:
    used_stub.up()
    database = used_stub.pid("postgresql")
    used_stub.port = free_port()
    used_stub.refused(STUB_MIGRATE="exit:1")
    assert used_stub.pid("postgresql") == database
    recovers(used_stub)
