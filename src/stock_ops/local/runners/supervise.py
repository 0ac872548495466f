"""Start and stop supervisord and its parts, and wait until a part does its work."""

import contextlib
import os
import signal
import subprocess
import xmlrpc.client
from collections.abc import Callable, Mapping
from pathlib import Path

from stock_ops.kit.commands import environment
from stock_ops.kit.errors import FolderError, PartError, SlowPartError
from stock_ops.kit.layout import Layout
from stock_ops.kit.patience import PATIENCE_VARIABLE, wait_for
from stock_ops.kit.words import last_words
from stock_ops.local.facts.health import Door, Health, ask
from stock_ops.local.facts.journal import read_crashes
from stock_ops.local.facts.processes import UNREACHABLE, alive, control, observe_supervisor, work_done
from stock_ops.local.facts.programs import Programs
from stock_ops.local.plans.steps import PART_TITLES, AwaitPart, EndProcess

_WAIT_S = {"postgresql": 600.0, "valkey": 60.0, "platform": 90.0, "backup": 30.0}
"""PostgreSQL may have to replay its log after an unclean stop."""
_STOP_S = 90.0
_CRASHES_TO_GIVE_UP = 3
_POLL_S = 0.04


def start_supervisor(layout: Layout, programs: Programs) -> None:
    """Start supervisord and wait until its control socket answers."""
    _prepare_socket(layout)
    command: list[str | Path] = [
        programs.python,
        "-m",
        "supervisor.supervisord",
        "-c",
        layout.supervisor_config,
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=layout.root, env=environment(), check=False
    )
    if done.returncode != 0:
        raise PartError(f"The supervisor did not start: {last_words(done.stdout + done.stderr)}", _DOCTOR)
    if not _wait(lambda: observe_supervisor(layout).answers, 15.0):
        raise SlowPartError(
            "The supervisor has started, and does not answer yet.", _see(layout, "supervisor")
        )


def stop_supervisor(layout: Layout) -> None:
    """Tell supervisord to end, and wait until it is gone."""
    pid = observe_supervisor(layout).pid
    with contextlib.suppress(*UNREACHABLE, xmlrpc.client.Fault), control(layout) as remote:
        remote.shutdown()
    if pid is not None and not _wait(lambda: not alive(pid), _STOP_S):
        raise PartError(f"The supervisor (pid {pid}) does not stop.", f"kill -9 {pid}, then run this again.")


def start_part(layout: Layout, name: str) -> None:
    """Start one part; one that is starting already is left alone."""
    with contextlib.suppress(xmlrpc.client.Fault), control(layout) as remote:
        remote.startProcess(name, False)


def stop_part(layout: Layout, name: str) -> None:
    """Stop one part and wait; the supervisor kills it when it takes too long."""
    with contextlib.suppress(xmlrpc.client.Fault), control(layout) as remote:
        remote.stopProcess(name, False)
    if not _wait(lambda: _is_stopped(layout, name), _STOP_S):
        raise PartError(f"{PART_TITLES[name]} does not stop within {_STOP_S:g} s.", _see(layout, name))


def end_process(step: EndProcess) -> None:
    """End a process without a supervisor: politely, then by force."""
    polite = signal.SIGINT if step.name == "postgresql" else signal.SIGTERM
    patience_s = 10.0 if step.name == "supervisor" else 30.0
    for number, limit_s in ((polite, patience_s), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(step.pid, number)
        if _wait(lambda: not alive(step.pid), limit_s):
            return
    raise PartError(
        f"{step.name} (pid {step.pid}) does not end.", "Restart the machine: the kernel holds it."
    )


def await_part(step: AwaitPart, layout: Layout, door: Door, marks: Mapping[str, int]) -> None:
    """Wait until the part does its work. Raises PartError when it keeps crashing or takes too long.

    marks: where each log ended before this run, so that an old complaint is not taken for a new one.
    """
    before, health = _crashes(layout, step.name), Health(False, "not asked yet")

    def is_ready() -> bool:
        nonlocal health
        health = ask(door)
        if health.ok and observe_supervisor(layout).runs(step.name):
            return True
        if _gave_up(layout, step.name, before):
            words = _last_line(layout.log(step.name), marks.get(step.name, 0))
            raise PartError(f"{PART_TITLES[step.name]} does not start: {words}", _see(layout, step.name))
        return False

    waited = wait_for(is_ready, _WAIT_S[step.name], lambda: _progress(layout, step.name))
    if not waited.done:
        raise SlowPartError(
            f"{PART_TITLES[step.name]} is not ready after {waited.seconds:.0f} s: {health.reason}. "
            "It goes on, and so does everything else that runs.",
            f"`stockops status` says when it is ready. {_see(layout, step.name)} On a slow machine, "
            f"{PATIENCE_VARIABLE}=3 in the environment waits three times as long.",
        )


def _progress(layout: Layout, name: str) -> tuple[float, int]:
    """What grows while the part gets on: the work of its processes, and its log."""
    part, log = observe_supervisor(layout).part(name), layout.log(name)
    return work_done(part.pid if part else None), log.stat().st_size if log.exists() else 0


_DOCTOR = "Run `stockops doctor`, then try again."


def _see(layout: Layout, part: str) -> str:
    more = f"Its log says more: {layout.log(part)}."
    if part == "valkey":
        files = layout.valkey / "appendonlydir"
        return f"{more} It is only a cache: you may delete {files} and run this again."
    return more


def _prepare_socket(layout: Layout) -> None:
    """Clear the way for the socket; below /tmp only a folder of our own, mode 0700, will do."""
    folder = layout.socket.parent
    if folder != layout.run:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        status = folder.lstat()
        if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise FolderError(
                f"{folder}, the place of the control socket, is not ours alone.",
                "Remove it, or choose a data folder with a path below 80 characters.",
            )
    for path in (layout.socket, layout.supervisor_pid):
        path.unlink(missing_ok=True)


def _is_stopped(layout: Layout, name: str) -> bool:
    supervisor = observe_supervisor(layout)
    part = supervisor.part(name)
    return not supervisor.answers or part is None or part.state in {"STOPPED", "EXITED", "FATAL"}


def _crashes(layout: Layout, name: str) -> int:
    found = read_crashes(layout).get(name)
    return found.ends if found else 0


def _gave_up(layout: Layout, name: str, before: int) -> bool:
    part = observe_supervisor(layout).part(name)
    if part is None or part.state not in {"BACKOFF", "FATAL"}:
        return False
    return part.state == "FATAL" or _crashes(layout, name) - before >= _CRASHES_TO_GIVE_UP


def _last_line(path: Path, mark: int) -> str:
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            file.seek(max(mark if mark <= size else 0, size - 8_000))
            return last_words(file.read().decode("utf-8", "replace"))
    except OSError as error:
        return f"its log cannot be read ({error.strerror})"


def _wait(done: Callable[[], bool], limit_s: float) -> bool:
    return wait_for(done, limit_s, pause_s=_POLL_S).done
