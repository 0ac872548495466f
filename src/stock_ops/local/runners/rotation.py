"""Change a secret of a running instance: stock_ops/kit/rotation.py says in which steps, and why."""

import secrets
import socket
import time
from dataclasses import replace
from typing import Any

from stock_ops.kit.accounts import service_account
from stock_ops.kit.errors import FolderError, PartError
from stock_ops.kit.files import write_whole
from stock_ops.kit.layout import (
    BACKUP_ROLE,
    LOOPBACK,
    Layout,
)
from stock_ops.kit.secret_names import BY_NAME, PEPPER, SESSION_KEY, SUPERUSER, VALKEY
from stock_ops.kit.wanted import NewFile
from stock_ops.local.facts.instance import FIELDS, Change, Memory, Secrets, read_memory, read_secrets
from stock_ops.local.facts.programs import observe_programs
from stock_ops.local.plans.settings import passfile_text, secret_files, valkey_settings
from stock_ops.local.runners.instance import write_secrets
from stock_ops.local.runners.platform import run_platform
from stock_ops.local.runners.roles import change_password

CONNECTING_S = 1.0
"""Longest between a client's reading of the file and its sign-in."""
_TIMEOUT_S = 10.0


class LocalHolder:
    """The secrets of a data folder, and its running servers."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def begin(self, name: str, *, keep_old: bool) -> None:
        """Write the new value beside the present one."""
        known, field = self._secrets(), FIELDS[name]
        if field not in known.changing:
            change = Change(secrets.token_hex(24), getattr(known, field), keep_old)
            self._write(replace(known, changing={**known.changing, field: change}))

    def offer(self, name: str) -> None:
        """Both values in the file of config/passwords, where there is one that tries both."""
        change = self._change(name)
        if name in secret_files(self._secrets()) and name != SESSION_KEY:
            self._show(name, f"{change.new}\n{change.old}\n" if change.old else f"{change.new}\n")

    def teach(self, name: str) -> None:
        """PostgreSQL's role, Valkey's user, or the hashes of the API keys."""
        change = self._change(name)
        if BY_NAME[name].database:
            change_password(self._port("postgresql"), self._superuser(), name, change.new)
        elif name == VALKEY:
            self._tell_valkey(change, f">{change.new}")
        elif name == PEPPER:
            run_platform(self._layout, observe_programs(), "keys reseal")

    def settle(self, name: str) -> None:
        """The new value where every start reads it, then in the generated files."""
        known, change, field = self._secrets(), self._change(name), FIELDS[name]
        values: dict[str, Any] = {field: change.new}
        if name == SESSION_KEY:
            values["session_before"] = change.old if change.keep_old else ""
        known = replace(known, **values)
        self._write(known)
        files, service = secret_files(replace(known, changing={})), service_account(self._layout.postgresql)
        if name in files:
            self._show(name, files[name])
        if name == BACKUP_ROLE:
            text = passfile_text(self._port("postgresql"), known.backup)
            write_whole(NewFile(self._layout.passfile, text, service))
        if name == VALKEY:
            text = valkey_settings(self._layout, self._port("valkey"), known.valkey)
            write_whole(NewFile(self._layout.valkey_config, text, service))

    def withdraw(self, name: str) -> None:
        """Valkey's old password; a client that has just read it signs in first."""
        if name == VALKEY:
            change = self._change(name)
            time.sleep(CONNECTING_S)
            self._tell_valkey(change, "resetpass", f">{change.new}")

    def finish(self, name: str) -> None:
        """The change leaves secrets.json."""
        known = self._secrets()
        changing = {field: one for field, one in known.changing.items() if field != FIELDS[name]}
        self._write(replace(known, changing=changing))

    def _secrets(self) -> Secrets:
        found = read_secrets(self._layout)
        if not isinstance(found, Secrets):
            start = f"Start it: stockops up --data {self._layout.root}"
            raise FolderError(f"{self._layout.root} has no secrets yet.", start)
        return found

    def _change(self, name: str) -> Change:
        return self._secrets().changing[FIELDS[name]]

    def _superuser(self) -> list[str]:
        known = self._secrets()
        change = known.changing.get(FIELDS[SUPERUSER])
        return [change.new, change.old] if change else [known.superuser]

    def _port(self, part: str) -> int:
        memory = read_memory(self._layout)
        if not isinstance(memory, Memory) or part not in memory.ports:
            raise FolderError(f"{self._layout.memory} does not say where {part} listens.", "Run: stockops up")
        return memory.ports[part]

    def _write(self, known: Secrets) -> None:
        write_secrets(self._layout.secrets, known)

    def _show(self, name: str, text: str) -> None:
        write_whole(NewFile(self._layout.passwords / name, text))

    def _tell_valkey(self, change: Change, *modifiers: str) -> None:
        """Its answers are not shown: they repeat what was sent."""
        command = f"ACL SETUSER default {' '.join(modifiers)}"
        lines = [f"AUTH {change.old}", f"AUTH {change.new}", command, "QUIT"]
        try:
            with socket.create_connection((LOOPBACK, self._port("valkey")), _TIMEOUT_S) as connection:
                connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
                answers = connection.makefile("rb").read(4096).splitlines()
        except OSError as error:
            raise PartError(
                f"Valkey does not answer: {error.strerror or error}.",
                "See `stockops logs valkey`, then bring the change to its end: stockops up",
            ) from error
        if answers[2:3] != [b"+OK"]:
            raise PartError(
                "Valkey refuses to change its password.", "Run `stockops down`, then `stockops up`."
            )


def unfinished(secrets_: object) -> list[str]:
    """Names of the secrets whose change was cut off."""
    if not isinstance(secrets_, Secrets):
        return []
    return [name for name, field in FIELDS.items() if field in secrets_.changing]
