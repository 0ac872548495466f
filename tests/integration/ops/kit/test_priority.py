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

from tests.integration.ops.instance import (
    CHECKOUT,
    dead,
    hear_ctrl_c,
    other_user,
    shares_by_session,
    wait_for,
)

pytestmark = shares_by_session

SCRIPT = """
import os, signal, sys, time
from stock_ops.kit import priority
try:
    {}
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""
LEAD = "priority.lead_session(); priority.give_way(); "
SAY = """print(os.getpid(), os.getsid(0), os.getpriority(os.PRIO_PROCESS, 0),
    open("/proc/self/autogroup").read().split()[-1], flush=True); """
SLEEP = "time.sleep(60)"


@contextmanager
def started(
    work: str, *, session: bool = False, user: int | None = None, python: str = sys.executable
) -> "Iterator[tuple[subprocess.Popen[str], list[int]]]":
    """The script, and what it said of itself: its pid, the leader of its session, niceness of both."""
    with subprocess.Popen(
        [python, "-c", SCRIPT.format(work)],
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PYTHONPATH": f"{CHECKOUT / 'src'}", "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=session,
        user=user,
        preexec_fn=hear_ctrl_c,
    ) as process:
        assert process.stdout
        try:
            yield process, [int(word) for word in process.stdout.readline().split()]
        finally:
            process.kill()


@pytest.mark.parametrize("session", [False, True])
def test_it_leads_a_session_that_gives_way(session: bool) -> None:
    with started(LEAD + SAY + "sys.exit(7)", session=session) as (process, said):
        assert said[1:] == [said[0], 15, 15]
        assert (said[0] == process.pid) is session
        assert process.wait(30) == 7


def test_the_session_of_others_keeps_its_share() -> None:
    with started(LEAD + SAY + SLEEP) as (_, (leader, *_)):
        follower = f"os.setsid(); os.fork() and os._exit(os.wait()[1]); priority.give_way({{}}); {SAY}"
        for pid in ("", "os.getpid()"):
            with started(follower.format(pid), session=False) as (_, (own, lead, nice, of_session)):
                assert own != lead != leader
                assert (nice, of_session) == (15, 0)


def test_it_goes_first_again_for_a_while() -> None:
    hurry = f"\n    with priority.first_again(): {SAY}\n    {SAY}"
    with started(LEAD + hurry) as (process, said):
        assert said[2:] == [15, 0]
        assert process.stdout
        assert process.stdout.readline().split()[2:] == ["15", "15"]


@pytest.mark.root
def test_whoever_is_not_root_asks_until_the_kernel_takes_it() -> None:
    user, python = other_user()
    work = LEAD + SAY + SLEEP
    with started(work, user=user, python=python) as one, started(work, user=user, python=python) as other:
        assert [said[2:] for _, said in (one, other)] == [[15, 15], [15, 15]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_it(number: signal.Signals) -> None:
    listen = f"signal.signal({number}, signal.default_int_handler); "
    with started(LEAD + listen + SAY + SLEEP) as (process, _):
        process.send_signal(number)
        out, _ = process.communicate(timeout=30)
        assert (out, process.returncode) == ("interrupted\n", 130)


def test_ctrl_z_stops_it_and_fg_lets_it_go_on() -> None:
    with started(LEAD + SAY + SLEEP) as (process, (pid, *_)):
        both = [psutil.Process(process.pid), psutil.Process(pid)]
        process.send_signal(signal.SIGTSTP)
        wait_for(lambda: all(one.status() == psutil.STATUS_STOPPED for one in both), "both stand still", 30)
        process.send_signal(signal.SIGCONT)
        wait_for(lambda: all(one.status() == psutil.STATUS_SLEEPING for one in both), "both go on", 30)


def test_it_dies_with_the_process_that_was_started() -> None:
    with started(LEAD + SAY + SLEEP) as (process, (pid, *_)):
        process.kill()
        process.wait(30)
        wait_for(lambda: dead(pid), "it is gone", 30)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_killed_it_is_told(number: signal.Signals) -> None:
    with started(LEAD + SAY + SLEEP) as (process, (pid, *_)):
        os.kill(pid, number)
        assert process.wait(30) == -number


def test_a_launcher_that_ignores_its_children_changes_nothing() -> None:
    ignore = "signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
    with started(ignore + LEAD + SAY + "sys.exit(7)") as (process, _):
        assert process.wait(30) == 7


@pytest.mark.root
@pytest.mark.parametrize("ask", ["give_way({pid})", "_set_session({pid}, 15)"])
def test_what_the_system_refuses_is_no_error(ask: str) -> None:
    user, python = other_user()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    with started(SAY + SLEEP, session=True) as (_, (other, *_)):
        work = f"priority.{ask.format(pid=other)}; {SAY}"
        with started(work, session=True, user=user, python=python) as (process, said):
            assert said[2:] == [own, 0]
            assert process.wait(30) == 0
        assert Path(f"/proc/{other}/autogroup").read_text().split()[-1] == "0"
        assert os.getpriority(os.PRIO_PROCESS, other) == own
