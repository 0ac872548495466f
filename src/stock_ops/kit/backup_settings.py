"""The operator's settings of the backups, the keys to an S3 storage, the public key that seals."""

import dataclasses
import hashlib
import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any, Literal

from stock_ops.kit.container import in_container, named_key_file
from stock_ops.kit.errors import ConflictingSettingsError, CorruptFileError, FolderError, SettingError
from stock_ops.kit.layout import Layout

Dump = Literal["full", "always", "never"]


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """backup.toml; docs/backups.md describes each key."""

    storage: str
    """Folder (absolute), or s3://bucket/prefix. Default: NAME-backups beside the data, kept if those move."""
    key_file: Path
    """The private key that opens the backups. Default: in the user's folder for settings, kept, too."""
    s3_endpoint: str = ""
    """Address of the S3 service; empty: Amazon's."""
    s3_region: str = "us-east-1"
    """Region of the bucket."""
    full_every_days: int = 7
    """A full backup after so many days; incremental ones between."""
    daily_at: time = time(3, 15)
    """When the daily backup begins, UTC, written "03:15"."""
    drill_every_days: int = 7
    """A drill (a rehearsed restore) after so many days."""
    dump: Dump = "full"
    """Which backups hold a logical dump besides: the full ones, "always" or "never"."""
    keep_days: int = 30
    """Backups younger than this are kept."""
    keep_full: int = 2
    """So many full backups are kept however old they are."""
    wal_keep_gib: float = 4.0
    """Write-ahead log that the server keeps while the storage is away; then the chain of backups breaks."""
    heartbeat_s: float = 2.0
    """A row is written so often, by which the loss of a restore is measured."""
    ship_s: float = 1.0
    """The newest write-ahead log goes to the storage so often."""
    enabled: bool = True
    """false: nothing is archived and no backup is made; existing backups are kept."""

    @property
    def is_s3(self) -> bool:
        """Whether the storage is a bucket and no folder."""
        return self.storage.startswith("s3://")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys to an S3 storage. Never printed."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)


def read_backup_settings(layout: Layout, environ: Mapping[str, str] = os.environ) -> BackupSettings:
    """backup.toml over the defaults; without the file the defaults.

    Raises CorruptFileError, ConflictingSettingsError for an unknown key, SettingError for a useless value.
    """
    path = layout.backup_settings
    found = _read_toml(path, "Correct that line, or delete the file: it holds your own settings only.")
    known = [one.name for one in dataclasses.fields(BackupSettings)]
    unknown = sorted(found.keys() - set(known))
    if unknown:
        raise ConflictingSettingsError(
            f"{path} sets {', '.join(unknown)}, which is no setting.", f"There are: {', '.join(known)}."
        )
    values = {name: _value(path, name, value) for name, value in found.items()}
    places = remembered_places(layout, environ)
    settings = BackupSettings(**{"storage": places.storage, "key_file": places.key_file, **values})
    _refuse_places(layout, settings)
    return settings


def read_credentials(layout: Layout, environ: Mapping[str, str] = os.environ) -> Credentials | None:
    """The keys to the S3 storage: the operator's file, else the environment's; None when there are none.

    Raises FolderError when others may read the file, CorruptFileError when it makes no sense.
    """
    path, names = layout.backup_credentials, ("access_key_id", "secret_access_key")
    found = _read_toml(path, 'Write access_key_id = "..." and secret_access_key = "..." there.')
    others = (
        stat.S_IRWXO if in_container(environ) else stat.S_IRWXG | stat.S_IRWXO
    )  # its group is the secrets'
    if found and path.stat().st_mode & others:
        raise FolderError(f"{path} may be read by others.", f"chmod 600 {path}")
    if found and (found.keys() != set(names) or not all(isinstance(found[name], str) for name in names)):
        todo = f"Write just {' and '.join(names)} there, both in quotation marks."
        raise CorruptFileError(path, "it does not hold just the two keys", todo)
    values = found or {name: environ.get(f"AWS_{name.upper()}", "") for name in names}
    return Credentials(**values) if all(values.values()) else None


def read_recipient(layout: Layout) -> str | None:
    """The public key that backups are sealed for; None before the first start that makes backups."""
    try:
        return layout.recipient.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class Places:
    """Where storage and key lie, if the operator's settings do not say."""

    storage: str
    key_file: Path


def remembered_places(layout: Layout, environ: Mapping[str, str] = os.environ) -> Places:
    """Those of the first start, else those that this path leads to.

    A folder that moved keeps them. What is not there any more, while the place beside this folder is, moved
    along with it.
    """
    derived = Places(f"{layout.root}-backups", default_key_file(layout, environ))
    try:
        found = json.loads(layout.backup_places.read_text(encoding="utf-8"))
        kept = Places(str(found["storage"]), Path(found["key_file"]))
    except (FileNotFoundError, NotADirectoryError):
        return derived
    except (OSError, ValueError, KeyError, TypeError) as error:
        todo = "Delete it: the next `up` writes it anew. If this folder was moved, name both in backup.toml."
        raise CorruptFileError(layout.backup_places, f"it makes no sense ({error})", todo) from error
    is_folder = kept.storage.startswith("/")
    moved_along = is_folder and not Path(kept.storage).exists() and Path(derived.storage).exists()
    key_moved = not kept.key_file.exists() and derived.key_file.exists()
    return Places(
        derived.storage if moved_along else kept.storage, derived.key_file if key_moved else kept.key_file
    )


def dump_places(places: Places) -> str:
    """The text of backup-places.json."""
    return json.dumps({"storage": places.storage, "key_file": f"{places.key_file}"}, indent=1) + "\n"


def default_key_file(layout: Layout, environ: Mapping[str, str]) -> Path:
    """Where the private key lies: out of the data folder, and out of the storage."""
    if named := named_key_file(environ):
        return named
    home = environ.get("XDG_CONFIG_HOME")
    base = Path(home) if home else Path.home() / ".config"
    digest = hashlib.sha256(os.fsencode(layout.root)).hexdigest()[:8]
    return base / "stock-analysis" / f"backup-{layout.root.name}-{digest}.key"


_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^/\s]+)*/?")


def _value(path: Path, name: str, value: object) -> Any:
    fits, wanted = _RULES[name]
    if not fits(value):
        raise SettingError(path, name, value, wanted)
    if name == "daily_at":
        return time.fromisoformat(str(value))
    if name == "key_file":
        return Path(str(value)).expanduser()
    if name == "storage" and not str(value).startswith("s3://"):
        return str(Path(str(value)).expanduser())
    return value


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 36_500


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e6


def _is_path(value: object) -> bool:
    return isinstance(value, str) and Path(value).expanduser().is_absolute()


def _is_storage(value: object) -> bool:
    return isinstance(value, str) and (bool(_BUCKET.fullmatch(value)) or _is_path(value))


_COUNT = (_is_count, "a whole number from 1 on, without quotation marks.")
_AMOUNT = (_is_amount, "a number above 0, without quotation marks.")
_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "storage": (_is_storage, 'an absolute path, or a bucket: storage = "s3://bucket/prefix"'),
    "key_file": (_is_path, 'an absolute path, for example: key_file = "/root/backup.key"'),
    "s3_endpoint": (
        lambda value: isinstance(value, str) and value.startswith(("https://", "http://")),
        'an address, for example: s3_endpoint = "https://s3.example.com"',
    ),
    "s3_region": (
        lambda value: isinstance(value, str) and bool(value),
        'a name, for example: s3_region = "eu-central-1"',
    ),
    "full_every_days": _COUNT,
    "daily_at": (
        lambda value: isinstance(value, str) and bool(_CLOCK.fullmatch(value)),
        'a time of day in UTC, for example: daily_at = "03:15"',
    ),
    "drill_every_days": _COUNT,
    "dump": (lambda value: value in ("full", "always", "never"), 'dump = "full", "always" or "never"'),
    "keep_days": _COUNT,
    "keep_full": _COUNT,
    "wal_keep_gib": _AMOUNT,
    "heartbeat_s": _AMOUNT,
    "ship_s": _AMOUNT,
    "enabled": (lambda value: isinstance(value, bool), "enabled = true or false, without quotation marks."),
}


def _refuse_places(layout: Layout, settings: BackupSettings) -> None:
    """What is lost together is no backup, and a key beside what it opens protects nothing."""
    root, path = layout.root.resolve(), layout.backup_settings
    storage = None if settings.is_s3 else Path(settings.storage).resolve()
    if storage and storage.is_relative_to(root):
        raise SettingError(path, "storage", settings.storage, f"a folder outside of {root}.")
    key = settings.key_file.resolve()
    for place in (root, storage):
        if place and key.is_relative_to(place):
            raise SettingError(path, "key_file", str(settings.key_file), f"a file outside of {place}.")


def _read_toml(path: Path, todo: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise CorruptFileError(path, error.strerror or type(error).__name__, todo) from error
    except ValueError as error:
        raise CorruptFileError(path, " ".join(str(error).split()), todo) from error
