"""Killed, orphaned and hanging processes: noticed, told, and replaced by themselves or by the next `up`."""

import os
import signal
import subprocess
import threading
import time
from datetime import datetime
from functools import partial

import pytest

from stock_ops.local.plans.steps import PART_TITLES
from tests.integration.ops.instance import Instance, dead, wait_for
from tests.integration.ops.local.recovery import recovers


def test_a_killed_part_comes_back_by_itself_and_status_tells(used: Instance) -> None:
    used.up()
    for name in ("backup", "platform", "valkey", "postgresql"):  # none takes down one that was before it
        comes_back(used, name)


def comes_back(used: Instance, name: str) -> None:
    before = used.pid(name)
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: used.part(name)["restarts"] == 1, f"{name} is started again")
    wait_for(lambda: used.status()["state"] == "running", "all is well again", 60)
    part = used.part(name)
    assert part["pid"] != before
    assert part["last_end"]["reason"] == "terminated by SIGKILL"
    assert f"{PART_TITLES[name]} restarted once" in used.run("status").unwrapped
    assert used.run("up", "--json").json["changed"] is False


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_up_recovers(used: Instance) -> None:
    used.up()
    bars = used.sql("SELECT count(*) FROM bar_1d")
    pids = used.processes()
    os.kill(used.pid("supervisor"), signal.SIGKILL)
    wait_for(lambda: all(dead(pid) for pid in pids), "no child outlives its supervisor", 40)
    assert "ended unexpectedly" in used.run("status").unwrapped
    recovers(used)
    assert used.sql("SELECT count(*) FROM bar_1d") == bars


def test_everything_killed_at_once_recovers(used: Instance) -> None:
    used.up()
    bars = used.sql("SELECT count(*) FROM bar_1d")
    for pid in used.processes():
        os.kill(pid, signal.SIGKILL)
    recovers(used)
    assert used.sql("SELECT count(*) FROM bar_1d") == bars


def test_orphans_of_an_earlier_life_are_ended_before_the_next_start(used_stub: Instance) -> None:
    """Where the kernel cannot keep children on a leash, they survive; here the leash is cut by hand."""
    used_stub.up()
    used_stub.down()
    orphan = subprocess.Popen(
        [used_stub.platform(), "serve", "--target", "all", "--config", used_stub.layout.platform_config]
    )
    wait_for(partial(_answers, used_stub), "it serves")
    assert f"platform (pid {orphan.pid})" in used_stub.run("status").unwrapped
    reaper = threading.Thread(target=orphan.wait)
    reaper.start()
    recovers(used_stub)
    reaper.join(10)
    assert orphan.returncode == 0


def _answers(instance: Instance) -> bool:
    try:
        return bool(instance.get("/readyz"))
    except OSError:
        return False


def test_a_hanging_supervisor_is_ended_and_replaced(used_stub: Instance) -> None:
    used_stub.up()
    pid = used_stub.pid("supervisor")
    os.kill(pid, signal.SIGSTOP)
    assert used_stub.run("status").code == 3
    recovers(used_stub)
    assert dead(pid)


@pytest.mark.fault
def test_a_hanging_platform_is_noticed_and_started_again(used_stub: Instance) -> None:
    used_stub.up()
    pid = used_stub.pid("platform")
    time.sleep(31)
    os.kill(pid, signal.SIGSTOP)
    assert used_stub.part("platform")["state"] == "unhealthy"
    recovers(used_stub)
    assert dead(pid)


def test_a_part_that_ends_again_and_again_is_restarted_with_back_off(stubbed: Instance) -> None:
    stubbed.refused(STUB_SERVE="exit:3")
    times = [
        datetime.fromisoformat(line.split(",")[0]).astimezone()
        for line in stubbed.layout.log("supervisor").read_text().splitlines()
        if "spawned: 'platform'" in line
    ]
    assert len(times) >= 3
    assert (times[2] - times[0]).total_seconds() >= 2
