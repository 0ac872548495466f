"""Change a secret in a folder of secrets, under the running servers of compose, in the steps of rotation.py.

The file itself remembers a change that was cut off: it has two lines. Only the session key has two for long.
"""

import time
from collections.abc import Callable
from pathlib import Path

from stock_ops.kit.secret_folder import draw, hand_out, put, read
from stock_ops.kit.secret_names import BY_NAME, PEPPER, SECRET_NAMES, SESSION_KEY, VALKEY

ONE_VALUE = ("backup",)
"""Services that sign in with the first line alone: they get the new value once the server knows it."""
CONNECTING_S = 2.0
"""Longest between a client's reading of the file and its sign-in."""

Execute = Callable[[str, str], None]
"""Runs a command line in the container of a service. Raises PartError."""


class FolderHolder:
    """The folder of a stack's secrets, and its running servers.

    execute: in the container of a service; admin: a command of the platform with the owner's rights.
    """

    def __init__(self, folder: Path, execute: Execute, admin: Callable[[str], None]) -> None:
        self._folder = folder
        self._execute = execute
        self._admin = admin

    def begin(self, name: str, *, keep_old: bool) -> None:
        """A second line in the file."""
        known = read(self._folder / name)
        if name == SESSION_KEY:
            put(self._folder, name, (draw(), known[0]) if keep_old else (draw(),))
        elif len(known) < 2:
            put(self._folder, name, (draw(), *known))

    def offer(self, name: str) -> None:
        """Both lines, in the folder of each service."""
        hand_out(self._folder, name, read(self._folder / name), but=ONE_VALUE)

    def teach(self, name: str) -> None:
        """PostgreSQL's role, Valkey's user, or the hashes of the API keys."""
        if BY_NAME[name].database:
            self._execute("postgresql", f"sh /etc/stock-analysis/roles.sh {name}")
        elif name == VALKEY:
            self._tell_valkey()
        elif name == PEPPER:
            self._admin("keys reseal")

    def settle(self, name: str) -> None:
        """The new value alone, for every service."""
        known = read(self._folder / name)
        hand_out(self._folder, name, known if name == SESSION_KEY else known[:1])

    def withdraw(self, name: str) -> None:
        """Valkey's old password; a client that has just read it signs in first."""
        if name == VALKEY:
            time.sleep(CONNECTING_S)
            self._tell_valkey()

    def finish(self, name: str) -> None:
        """The second line goes."""
        if name != SESSION_KEY:
            put(self._folder, name, read(self._folder / name)[:1])

    def _tell_valkey(self) -> None:
        self._execute("valkey", "sh /etc/stock-analysis/password.sh")


def unfinished(folder: Path) -> list[str]:
    """Names of the secrets whose change was cut off."""
    names = [one.name for one in SECRET_NAMES if one.name != SESSION_KEY]
    return [name for name in names if len(read(folder / name)) > 1]
