"""Bring the key of the backups into a namespace, as a Secret of its own; never over another key."""

import base64
import contextlib
from pathlib import Path

from stock_ops.kit.errors import ConflictingSettingsError, FolderError
from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.facts.backups import backup_secret, keeps_in_bucket
from stock_ops.kubernetes.facts.cluster import CORE
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.runners.secrets import write_secret
from stock_ops.storage.keys import (
    authentication_key,
    draw_identity,
    dump_authentication_key,
    read_identity,
    recipient_of,
)

KEY, CREDENTIALS = "backup.key", "backup-credentials.toml"
"""Files of the folder."""


def push_backup_key(connection: Connection, environment: Environment, folder: Path) -> list[str]:
    """The keys of the Secret that changed. Draws the key where neither folder nor cluster has one.

    Raises OpsError: where the cluster has another key, or where a bucket's credentials are missing.
    """
    name, file = backup_secret(environment), folder / KEY
    path = f"{CORE}/{environment.namespace}/secrets/{name}"
    known = (connection.get(path) or {}).get("data") or {}
    if "key" not in known:
        with contextlib.suppress(FileExistsError):
            draw_identity(file)
    wanted = {}
    if file.exists():
        wanted = _values(file)
        _refuse_another(known, wanted["recipient"], name, file)
    if keeps_in_bucket(environment):
        wanted["credentials"] = _credentials(folder)
    return write_secret(connection, path, wanted, "Opaque")


def _values(file: Path) -> dict[str, str]:
    identity = read_identity(file)
    return {
        "key": file.read_text(encoding="ascii"),
        "recipient": f"{recipient_of(identity)}\n",
        "authentication": dump_authentication_key(authentication_key(identity)),
    }


def _refuse_another(known: dict[str, str], recipient: str, name: str, file: Path) -> None:
    there = base64.b64decode(known.get("recipient", "")).decode("ascii", "replace")
    if there and there != recipient:
        raise ConflictingSettingsError(
            f"The Secret {name} has another key of the backups than {file}.",
            f"The backups that are there need the one in the Secret: move {file} away. "
            f"To begin anew with this key, save the other one, then: kubectl delete secret {name}",
        )


def _credentials(folder: Path) -> str:
    file = folder / CREDENTIALS
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FolderError(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}.",
            "Write access_key_id and secret_access_key of the bucket there (docs/backups.md), mode 600.",
        ) from error
