"""A command in a terminal, as a shell starts it: what it shows, and what is typed."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import time
from types import TracebackType
from typing import Self

import psutil

from tests.integration.ops.instance import Instance, hear_ctrl_c

_PATIENCE_S = 120.0
_AS_SHELLS_DO = 'trap : INT; "$@"; exit $?'
"""The shell leads the session and outlives Ctrl-C; the command is its child."""


class Terminal:
    """A verb of a group of `stockops`, begun at once. Left, it ends."""

    def __init__(self, instance: Instance, *words: str) -> None:
        python, dash, module, group, *rest = instance.command(words[0])
        self._ours, theirs = pty.openpty()

        def become_a_shell() -> None:
            hear_ctrl_c()
            os.login_tty(theirs)

        self._process = subprocess.Popen(
            ["sh", "-c", _AS_SHELLS_DO, "sh", python, dash, module, group, *words[1:], *rest],
            env=instance.variables(TERM="xterm"),
            cwd="/",
            preexec_fn=become_a_shell,
        )
        os.close(theirs)
        self.told = ""
        """All that was shown up to now."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            shell = psutil.Process(self._process.pid)
            for process in (*shell.children(recursive=True), shell):
                process.kill()
        self._process.wait()
        os.close(self._ours)

    def wait_for(self, text: str) -> None:
        """Return when it has been shown."""
        deadline = time.monotonic() + _PATIENCE_S
        while text not in self.told:
            assert self._read(deadline), self.told

    def type(self, text: str) -> None:
        """Type it; "\\x03" is Ctrl-C."""
        os.write(self._ours, text.encode())

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command."""
        (command,) = psutil.Process(self._process.pid).children()
        command.send_signal(number)

    def end(self) -> int:
        """The exit code, once the command has ended by itself."""
        deadline = time.monotonic() + _PATIENCE_S
        while self._read(deadline):
            pass
        return self._process.wait(_PATIENCE_S)

    def _read(self, deadline: float) -> bool:
        """Read on; False at the end."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more came: {self.told}"
        try:
            told = os.read(self._ours, 4096)
        except OSError:  # Linux tells the end of a terminal so
            return False
        self.told += told.decode("utf-8", "replace")
        return bool(told)
