"""Which storage and which key the verbs use that look at backups, also on a machine that made none."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from stock_ops.kit.backup_settings import BackupSettings, read_backup_settings, settings_of_copy
from stock_ops.kit.layout import Layout
from stock_ops.storage.facts.place import absolute, open_storage
from stock_ops.storage.keys import read_identity
from stock_ops.storage.storage import Storage

StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage", help="Folder or s3://bucket/prefix; else the one in backup.toml.", show_default=False
    ),
]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        help="Private key that opens the backups; else the one in backup.toml.",
        show_default=False,
    ),
]


CopyOption = Annotated[
    str | None,
    typer.Option("--copy", help="A copy of the storage, by its name in backup.toml.", show_default=False),
]


def source_settings(layout: Layout, place: str | None, copy: str | None = None) -> BackupSettings:
    """The settings with the storage that the operator named, if any, in the first one's place."""
    settings = read_backup_settings(layout)
    if place is not None and copy is not None:
        raise typer.BadParameter("name one of them only", param_hint="--storage, --copy")
    if copy is not None:
        return settings_of_copy(settings, copy)
    return replace(settings, storage=absolute(place)) if place is not None else settings


def open_source(
    layout: Layout, place: str | None, copy: str | None = None, key_file: Path | None = None
) -> Storage:
    """The storage that the operator named, or the one of the settings. Raises LostKeyError."""
    return open_storage(layout, source_settings(layout, place, copy), key_file=key_file)


def read_key(layout: Layout, key_file: Path | None) -> str:
    """The private key. Raises LostKeyError."""
    return read_identity(key_file or read_backup_settings(layout).key_file)
