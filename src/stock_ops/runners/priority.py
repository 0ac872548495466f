"""Work that gives way: whoever answers requests goes first.

On Linux a priority counts among the processes of one session only; the processor is shared among sessions
first (autogroups, see sched(7)). So work that gives way needs a session of its own, and lowers both.
"""

import contextlib
import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from stock_ops.runners.leash import die_with_parent

_NICE = 15
"""A thirtieth of another one's share. With less still, what holds a lock would keep others waiting long."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE_S = 2.0
_AGAIN_S = 0.05


def lead_session() -> None:
    """Go on in a child that leads a session of its own, while this process waits and ends as the child does.

    What ends this process ends the child, kill -9 included. Nothing is done where sessions do not count, or
    where this process leads one. Only for who has no other thread yet.
    """
    if not Path("/proc/self/autogroup").exists() or os.getsid(0) == os.getpid():
        return
    parent = os.getpid()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    child = os.fork()
    if child:
        _end_with(child)
    os.setsid()
    die_with_parent(signal.SIGKILL, parent)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def give_way(pid: int = 0) -> None:
    """Let others go first: this thread, what it starts from now on, and the session that this process leads.

    pid: a process of the server that works for us, instead; one that has ended needs nothing.
    On Linux who is not root can never take this back.
    """
    with contextlib.suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, max(_NICE, os.getpriority(os.PRIO_PROCESS, pid)))
        if os.getsid(pid) == (pid or os.getpid()):
            _lower_session(pid or os.getpid())


def _end_with(child: int) -> NoReturn:
    def pass_on(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in _ENDING:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os._exit(code if code >= 0 else 128 - code)


def _lower_session(leader: int) -> None:
    """The kernel takes one such change in 0.1 s of all who are not root: it is asked again for a while."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            Path(f"/proc/{leader}/autogroup").write_text(f"{_NICE}")
        except BlockingIOError:
            time.sleep(_AGAIN_S)
        except FileNotFoundError:
            return
        else:
            return
