"""Work that gives way: answering requests goes first.

On Linux a priority counts among the processes of one session only; the processor is shared among sessions
first (autogroups, see sched(7)). So work that gives way needs a session of its own, and lowers both. Among
groups for the processor (cgroups), such as two services of systemd, only their own weights count.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from stock_ops.kit.leash import die_with_parent

_NICE = 15
"""A thirtieth of another one's share. With less still, a holder of a lock would keep others waiting long."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AWAITED = (*_ENDING, signal.SIGTSTP, signal.SIGCHLD)
_PATIENCE_S = 2.0
_AGAIN_S = 0.05


def lead_session() -> None:
    """Go on in a child that leads a session of its own, while this process waits and ends as the child does.

    What ends or stops this process does so with the child, kill -9 included. Nothing is done where there are
    no autogroups, or where this process leads a session. Only before the first other thread is started.
    """
    if not Path("/proc/self/autogroup").exists() or os.getsid(0) == os.getpid():
        return
    parent = os.getpid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    child = os.fork()
    if child:
        _end_with(child)
    os.setsid()
    die_with_parent(signal.SIGKILL, parent)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def give_way(pid: int = 0) -> None:
    """Let others go first: this thread, what it starts from now on, and the session that this process leads.

    pid: a process of the server that works for us, instead. What the system refuses stays as it was: work
    that gives no way is better than none. Who is not root can never raise a thread's priority again.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, max(_NICE, os.getpriority(os.PRIO_PROCESS, pid)))
        if os.getsid(pid) == (pid or os.getpid()):
            _set_session(pid or os.getpid(), _NICE)


@contextlib.contextmanager
def first_again() -> Iterator[None]:
    """While the context lasts, the session that this process leads gives no way, for others wait for it.

    A thread of lower priority keeps that.
    """
    lowered = os.getsid(0) == os.getpid() and _session() == _NICE
    if lowered:
        _set_session(os.getpid(), 0)
    try:
        yield
    finally:
        if lowered:
            _set_session(os.getpid(), _NICE)


def _end_with(child: int) -> NoReturn:
    """Wait for the child, pass every signal on, and end as it has; nothing of this process goes on.

    All signals that count are blocked, and taken one by one. A handler of Python's would not run before the
    child ended, where its signal came just before the wait for the child.
    """
    code = 1
    try:
        while (status := _status(child)) is None:
            number = signal.sigwait(_AWAITED)
            with contextlib.suppress(ProcessLookupError):
                if number == signal.SIGTSTP:
                    os.killpg(child, signal.SIGSTOP)
                    os.kill(os.getpid(), signal.SIGSTOP)
                    os.killpg(child, signal.SIGCONT)
                elif number in _ENDING:
                    os.kill(child, number)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            with contextlib.suppress(OSError):  # SIGKILL has no handler to take away
                signal.signal(-code, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
            os.kill(os.getpid(), -code)
    finally:
        os._exit(code if code >= 0 else 128 - code)


def _status(child: int) -> int | None:
    """With which it has ended; None while it runs."""
    ended, status = os.waitpid(child, os.WNOHANG)
    return status if ended else None


def _session() -> int | None:
    """Niceness of our session; None where sessions have none."""
    try:
        return int(Path("/proc/self/autogroup").read_text().split()[-1])
    except (OSError, ValueError, IndexError):
        return None


def _set_session(leader: int, nice: int) -> None:
    """For users other than root the kernel takes one such change in 0.1 s: it is asked again for a while.

    What it refuses stays as it was.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            Path(f"/proc/{leader}/autogroup").write_text(f"{nice}")
        except BlockingIOError:
            time.sleep(_AGAIN_S)
        except OSError:
            return
        else:
            return
