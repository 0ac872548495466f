"""What gives way leads a session of its own, and is for its caller the process that was started."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.integration.ops.instance import dead, hear_ctrl_c, wait_for

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists(), reason="needs a Linux that shares by session"
)

SCRIPT = """
import os, signal, sys, time
from stock_ops.runners.priority import give_way, lead_session
lead_session()
give_way()
group = open("/proc/self/autogroup").read().split()[-1]
print(os.getpid(), os.getsid(0), os.getpriority(os.PRIO_PROCESS, 0), group, flush=True)
try:
    {}
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


@contextmanager
def started(ending: str, *, session: bool = False) -> "Iterator[tuple[subprocess.Popen[str], list[int]]]":
    """The script, which ends so, and what it said of itself."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(ending)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=session,
        preexec_fn=hear_ctrl_c,
    ) as process:
        assert process.stdout
        try:
            yield process, [int(word) for word in process.stdout.readline().split()]
        finally:
            process.kill()


@pytest.mark.parametrize("session", [False, True])
def test_it_leads_a_session_that_gives_way_and_no_other_does(session: bool) -> None:
    before = Path("/proc/self/autogroup").read_text()
    with started("sys.exit(7)", session=session) as (process, (pid, leader, nice, of_session)):
        assert (leader, nice, of_session) == (pid, 15, 15)
        assert (pid == process.pid) is session
        assert process.wait(10) == 7
    assert Path("/proc/self/autogroup").read_text() == before
    assert os.getpriority(os.PRIO_PROCESS, 0) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_it(number: signal.Signals) -> None:
    with started(f"signal.signal({number}, signal.default_int_handler); time.sleep(60)") as (process, _):
        wait_for(lambda: handles(process.pid, number), "it listens")
        process.send_signal(number)
        out, _ = process.communicate(timeout=10)
        assert (out, process.returncode) == ("interrupted\n", 130)


def handles(pid: int, number: int) -> bool:
    """Whether the child of this process handles the signal in Python."""
    (child,) = psutil.Process(pid).children()
    status = Path(f"/proc/{child.pid}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (number - 1) & 1)


def test_it_dies_with_the_process_that_was_started() -> None:
    with started("time.sleep(60)") as (process, (pid, *_)):
        process.kill()
        process.wait(10)
        wait_for(lambda: dead(pid), "it is gone", 10)


def test_that_it_was_killed_is_told() -> None:
    with started("time.sleep(60)") as (process, (pid, *_)):
        os.kill(pid, signal.SIGKILL)
        assert process.wait(10) == 128 + signal.SIGKILL
