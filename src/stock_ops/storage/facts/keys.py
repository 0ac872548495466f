"""The key pair of the backups, as far as it is on this machine."""

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from stock_ops.kit.backup_settings import BackupSettings, read_recipient
from stock_ops.kit.errors import CorruptFileError, OpsError
from stock_ops.kit.layout import Layout
from stock_ops.storage.keys import (
    LostKeyError,
    WrongKeyError,
    read_authentication_key,
    read_identity,
    recipient_of,
)


@dataclass(frozen=True, slots=True)
class Keys:
    """The public half of both files."""

    recipient: str | None = None
    """The public key that seals the backups; None before the first start that makes some."""
    opens: str | OpsError | None = None
    """The public half of the private key, or why that cannot be read; None: there is no such file."""
    authenticates: str | None = None
    """The public half of the pair that the authentication key comes from; None: there is none of use."""


def observe_keys(layout: Layout, settings: BackupSettings) -> Keys:
    """Look at both files."""
    try:
        recipient = read_recipient(layout)
    except OSError:
        recipient = None
    try:
        authentication = read_authentication_key(layout.authentication_key)
    except CorruptFileError:
        authentication = None
    return Keys(recipient, _opens(settings.key_file), authentication.recipient if authentication else None)


def _opens(key_file: Path) -> str | OpsError | None:
    try:
        return recipient_of(read_identity(key_file)) if key_file.exists() else None
    except LostKeyError as error:
        return error
    except OSError as error:
        why = f"The key {key_file} cannot be looked at: {error.strerror}."
        return LostKeyError(why, "Run this as the user who ran `up`.")


def find_key_flaw(key_file: Path, recipient: str | None) -> OpsError | None:
    """Why a key does not open what is sealed for the recipient; None when it does.

    Where another key beside it does, that one is named.
    """
    try:
        fits = recipient is None or recipient_of(read_identity(key_file)) == recipient
    except LostKeyError as error:
        return named(error, key_file, recipient)
    return None if fits else named(WrongKeyError(), key_file, recipient)


def named(error: OpsError, key_file: Path, recipient: str | None) -> OpsError:
    """The error, with the key that fits in its advice, if there is one beside the key file."""
    found = find_fitting_key(key_file.parent, recipient)
    if found is None:
        return error
    told = f'{found} fits: write key_file = "{found}" in config/backup.toml'
    error.todo = f"{told}; or for once: --key-file {quote(f'{found}')}"
    return error


def find_fitting_key(folder: Path, recipient: str | None) -> Path | None:
    """The key in a folder that opens what is sealed for the recipient; None where there is none."""
    try:
        files = sorted(folder.glob("*.key"))
    except OSError:
        return None
    return next((file for file in files if recipient and _fits(file, recipient)), None)


def _fits(file: Path, recipient: str) -> bool:
    try:
        return recipient_of(read_identity(file)) == recipient
    except LostKeyError:
        return False
