"""The secrets of an instance as one file, sealed with age, to be opened on another machine."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyrage

from stock_ops.kit.errors import FolderError, OpsError
from stock_ops.kit.secret_names import BY_NAME

FORMAT = 1
LARGEST_BYTES = 2**20
_TODO = "Name a file that `stockops secrets export --to FILE` wrote, and the key that it was sealed for."


class BundleError(OpsError):
    """The bundle cannot be sealed or opened."""


def write_bundle(path: Path, secrets: Mapping[str, tuple[str, ...]], recipient: str) -> None:
    """Seal them for a public key, to a new file of mode 0600. Raises BundleError, FolderError."""
    try:
        key = pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError as error:
        raise BundleError(f"{recipient!r} is no public key of age.", "It looks like age1...") from error
    text = json.dumps({"format": FORMAT, "secrets": {name: list(lines) for name, lines in secrets.items()}})
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FolderError(f"{path}: {error.strerror}.", "Name a file that is not there yet.") from error
    with os.fdopen(handle, "wb") as file:
        file.write(pyrage.encrypt(text.encode(), [key]))
        file.flush()
        os.fsync(handle)


def read_bundle(path: Path, identity: str) -> dict[str, tuple[str, ...]]:
    """The secrets of a bundle, checked. Raises BundleError."""
    try:
        with path.open("rb") as file:
            sealed = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}.", _TODO) from error
    if len(sealed) > LARGEST_BYTES:
        raise BundleError(f"{path} is far too large for a bundle.", _TODO)
    try:
        found: Any = json.loads(pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(identity)]))
        secrets = {str(name): tuple(map(str, lines)) for name, lines in found["secrets"].items()}
    except pyrage.DecryptError as error:
        raise BundleError(f"The key does not open {path}, or it is damaged.", _TODO) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path} is no bundle of secrets.", _TODO) from error
    if found.get("format") != FORMAT:
        raise BundleError(f"{path} is of another release.", "Use the release that wrote it.")
    _refuse_strange(path, secrets)
    return secrets


def _refuse_strange(path: Path, secrets: Mapping[str, tuple[str, ...]]) -> None:
    for name, lines in secrets.items():
        least = 0 if name in BY_NAME and BY_NAME[name].optional else 1
        usable = all(line.isascii() and line.isalnum() and len(line) <= 128 for line in lines)
        if name not in BY_NAME or not least <= len(lines) <= 2 or not usable:
            raise BundleError(f"{path} holds a secret that this release does not know: {name!r}.", _TODO)
