"""The operator's settings of the backups, and the public key that seals."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time
from pathlib import Path
from typing import Literal

from stock_ops.kit.backup_rules import CredentialSource, read_toml, value_of
from stock_ops.kit.container import named_key_file
from stock_ops.kit.copy_settings import CopySettings, read_copies
from stock_ops.kit.errors import ConflictingSettingsError, CorruptFileError, OpsError, SettingError
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
    s3_credentials: CredentialSource = "auto"
    """Source of the keys: "file", "environment", "profile", "identity"; "auto": the first that is there."""
    s3_profile: str = ""
    """Profile in the AWS file of credentials; empty: $AWS_PROFILE, else default."""
    s3_ca_file: str = ""
    """Certificate (PEM) of the authority that vouches for the service, where that is not a public one."""
    s3_credentials_file: str = ""
    """File of the keys, mode 600; empty: backup-credentials.toml beside this one."""
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
    copy: tuple[CopySettings, ...] = ()
    """Further storages, a table [[copy]] each: [below](#copies)."""

    @property
    def is_s3(self) -> bool:
        """Whether the storage is a bucket and no folder."""
        return self.storage.startswith("s3://")


def read_backup_settings(layout: Layout, environ: Mapping[str, str] = os.environ) -> BackupSettings:
    """backup.toml over the defaults; without the file the defaults.

    Raises CorruptFileError, ConflictingSettingsError for an unknown key, SettingError for a useless value.
    """
    path = layout.backup_settings
    found = read_toml(path, "Correct that line, or delete the file: it holds your own settings only.")
    known = [one.name for one in dataclasses.fields(BackupSettings)]
    unknown = sorted(found.keys() - set(known))
    if unknown:
        raise ConflictingSettingsError(
            f"{path} sets {', '.join(unknown)}, which is no setting.", f"There are: {', '.join(known)}."
        )
    copies = read_copies(layout, path, found.pop("copy", []))
    values = {name: value_of(path, name, value) for name, value in found.items()}
    places = remembered_places(layout, environ)
    told = {"storage": places.storage, "key_file": places.key_file, **values}
    settings = BackupSettings(**{**told, "copy": copies})
    _refuse_places(layout, settings)
    return settings


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


class NoCopyError(OpsError):
    """There is no copy of that name."""


def settings_of_copy(settings: BackupSettings, name: str) -> BackupSettings:
    """The settings with a copy in the place of the first storage. Raises NoCopyError."""
    found = next((one for one in settings.copy if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in settings.copy)
        raise NoCopyError(
            f"There is no copy {name}.", f"There are: {known}." if known else "backup.toml has no [[copy]]."
        )
    return replace(
        settings,
        storage=found.storage,
        s3_endpoint=found.s3_endpoint,
        s3_region=found.s3_region,
        s3_credentials=found.s3_credentials,
        s3_profile=found.s3_profile,
        s3_ca_file=found.s3_ca_file,
        s3_credentials_file=found.s3_credentials_file,
        copy=(),
    )


def _refuse_places(layout: Layout, settings: BackupSettings) -> None:
    """What is lost together is no backup, and a key beside what it opens protects nothing."""
    root, path, key = layout.root.resolve(), layout.backup_settings, settings.key_file.resolve()
    named = (settings.storage, *(one.storage for one in settings.copy))
    places = [place for storage in named if (place := _folder(storage))]
    for place in places:
        if place.is_relative_to(root):
            raise SettingError(path, "storage", str(place), f"a folder outside of {root}.")
    for place in (root, *places):
        if key.is_relative_to(place):
            raise SettingError(path, "key_file", str(settings.key_file), f"a file outside of {place}.")
    _refuse_one_place_twice(path, settings)


def _refuse_one_place_twice(path: Path, settings: BackupSettings) -> None:
    seen: list[tuple[str, str]] = []
    first = (settings.s3_endpoint, settings.storage)
    for endpoint, storage in (first, *((one.s3_endpoint, one.storage) for one in settings.copy)):
        place = str(_folder(storage) or storage).rstrip("/") + "/"
        if any(endpoint == other and _overlap(place, old) for other, old in seen):
            raise SettingError(path, "storage", storage, "in each [[copy]] another place than the others.")
        seen.append((endpoint, place))


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _folder(storage: str) -> Path | None:
    return None if storage.startswith("s3://") else Path(storage).resolve()
