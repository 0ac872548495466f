"""The newest state of each storage that this machine saw: one that is put back to an older state is found."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stock_ops.kit.errors import CorruptFileError, FolderError
from stock_ops.kit.files import write_whole
from stock_ops.kit.layout import Layout
from stock_ops.kit.wanted import NewFile
from stock_ops.storage.authority import Known
from stock_ops.storage.ledger import Ledger
from stock_ops.storage.storage import Storage


def read_known(layout: Layout, where: str) -> Known | None:
    """What is remembered of a storage; None: nothing. Raises CorruptFileError."""
    found = _read(layout.authentication_memory).get(where)
    if found is None:
        return None
    return Known(str(found["storage_id"]), int(found["ledger"]), str(found["digest"]))


def remember(layout: Layout, storage: Storage, ledger: Ledger | None = None) -> None:
    """Remember that the objects of a storage carry tags, and the newest entry of its ledger.

    Raises FolderError, CorruptFileError.
    """
    authority = storage.authority
    if authority is None or not authority.checks or not layout.backup.is_dir():
        return
    path, before = layout.authentication_memory, read_known(layout, storage.where)
    known = before if before and before.storage_id == authority.storage_id else Known(authority.storage_id)
    if ledger and ledger.entry.number > known.ledger:
        known = Known(authority.storage_id, ledger.entry.number, ledger.digest)
    if known == before:
        return
    text = json.dumps({**_read(path), storage.where: asdict(known)}, indent=1) + "\n"
    try:
        write_whole(NewFile(path, text))
    except OSError as error:
        raise FolderError(f"{path}: {error.strerror}.", "See to that disk.") from error


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError) as error:
        todo = "Move it away: it is written anew. Until then an older state of the storage is not noticed."
        raise CorruptFileError(path, f"it makes no sense ({error})", todo) from error
