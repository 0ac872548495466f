"""The key pair of the backups, in the format of age-keygen: the public half seals, the private half opens."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pyrage

from stock_ops.kit.errors import CorruptFileError, OpsError
from stock_ops.storage.tags import AuthenticationKey, derive_key


class LostKeyError(OpsError):
    """The private key is not where it should be, or is no key."""


class WrongKeyError(OpsError):
    """The backups were sealed for another key."""

    def __init__(self) -> None:
        super().__init__(
            "The key does not open these backups: they were sealed for another one.",
            "Name the right key file with --key-file, or as key_file in backup.toml.",
        )


def draw_identity(path: Path) -> str:
    """Make a key pair, write the private half to a file of mode 0600, return the public one.

    Raises FileExistsError: a key is never overwritten.
    """
    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    created = f"# created: {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    text = f"{created}\n# public key: {recipient}\n{_WITH_TAGS}\n{identity}\n"
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.link(unfinished, path)
    finally:
        unfinished.unlink()
    return recipient


def read_identity(path: Path) -> str:
    """The private key in a file. Raises LostKeyError."""
    try:
        lines = path.read_text(encoding="ascii").split("\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text"
        raise LostKeyError(f"The key {path} cannot be read: {reason}.", _TODO) from error
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if len(keys) != 1 or _parsed(keys[0]) is None:
        raise LostKeyError(f"{path} does not hold just one private key (AGE-SECRET-KEY-1...).", _TODO)
    return keys[0]


def knows_tags(path: Path) -> bool:
    """Whether a private key says that what was sealed for it always carried tags."""
    try:
        return _WITH_TAGS in path.read_text(encoding="ascii").split("\n")
    except (OSError, ValueError):
        return False


def authentication_key(identity: str) -> AuthenticationKey:
    """The key that authenticates what is sealed for a private key that read_identity gave."""
    parsed = pyrage.x25519.Identity.from_str(identity)
    return derive_key(str(parsed.to_public()), str(parsed))


def dump_authentication_key(key: AuthenticationKey) -> str:
    """The text of its file, which must have mode 0600."""
    return f"# authenticates the backups that are sealed for {key.recipient}\n{key.secret.hex()}\n"


def read_authentication_key(path: Path) -> AuthenticationKey | None:
    """The key in a file; None when there is none. Raises CorruptFileError."""
    try:
        found = _AUTHENTICATION.fullmatch(path.read_text(encoding="ascii"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise CorruptFileError(path, str(error), _DERIVE) from error
    if found is None:
        raise CorruptFileError(path, "it does not hold just one key", _DERIVE)
    return AuthenticationKey(found[1], bytes.fromhex(found[2]))


def recipient_of(identity: str) -> str:
    """The public half of a private key that read_identity gave."""
    return str(pyrage.x25519.Identity.from_str(identity).to_public())


def _parsed(text: str) -> pyrage.x25519.Identity | None:
    try:
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError:
        return None


_WITH_TAGS = "# backups: authenticated"
_AUTHENTICATION = re.compile(
    r"# authenticates the backups that are sealed for (age1[0-9a-z]+)\n([0-9a-f]{64})\n"
)
_DERIVE = "Delete it, put the private key in its place (key_file), and run: stockops up"
_TODO = "Bring back your copy of the key (--key-file); without it the backups cannot be opened."
