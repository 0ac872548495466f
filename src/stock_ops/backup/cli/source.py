"""Which storage and which key the verbs use that look at backups, also on a machine that made none."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from stock_ops.kit.backup_settings import read_backup_settings
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


def open_source(layout: Layout, place: str | None, key_file: Path | None = None) -> Storage:
    """The storage that the operator named, or the one of the settings. Raises LostKeyError."""
    settings = read_backup_settings(layout)
    if place is not None:
        settings = replace(settings, storage=absolute(place))
    return open_storage(layout, settings, key_file=key_file)


def read_key(layout: Layout, key_file: Path | None) -> str:
    """The private key. Raises LostKeyError."""
    return read_identity(key_file or read_backup_settings(layout).key_file)
