"""In a container the servers of an instance are named by the environment, and its secrets are files."""

import os
from collections.abc import Mapping
from pathlib import Path

from stock_ops.kit.errors import ConflictingSettingsError, PartError

SERVERS_VARIABLE = "STOCKOPS_SERVERS"
"""postgresql=HOST:PORT valkey=HOST:PORT platform=HOST:PORT backup=HOST:PORT"""
EVERYWHERE = "0.0.0.0"  # noqa: S104 - a network of the containers of one instance
_SECRETS_VARIABLE, _KEY_VARIABLE = "STOCKOPS_SECRETS", "STOCKOPS_KEY_FILE"
_RECOVERY_VARIABLE = "STOCKOPS_RECOVERY"


_OUTSIDE_VARIABLE = "STOCKOPS_OUTSIDE"
"""INSIDE=OUTSIDE: the data folder here, and that of the operator who called, or the options in its place."""


def as_typed_outside(words: str, environ: Mapping[str, str] = os.environ) -> str:
    """Words for an operator outside of this container, whose commands name the data folder as known there."""
    inside, is_there, outside = environ.get(_OUTSIDE_VARIABLE, "").partition("=")
    options = outside if outside.startswith("--") else f"--data {outside}"
    return words.replace(f"--data {inside}", options) if is_there else words


def in_container(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this program is beside the servers of an instance, and did not start them."""
    return bool(environ.get(SERVERS_VARIABLE))


def named_servers(environ: Mapping[str, str] = os.environ) -> dict[str, tuple[str, int]]:
    """Host and port of each. Raises ConflictingSettingsError."""
    found = {}
    for word in environ.get(SERVERS_VARIABLE, "").split():
        name, _, address = word.partition("=")
        host, _, port = address.rpartition(":")
        if not (name and host and port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
            raise ConflictingSettingsError(
                f"{SERVERS_VARIABLE}: {word!r} is not NAME=HOST:PORT.", "Correct that variable."
            )
        found[name] = host, int(port)
    return found


def secret(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """The newest value of a secret that this container was given; empty: it was not."""
    folder = environ.get(_SECRETS_VARIABLE)
    try:
        return Path(folder, name).read_text(encoding="ascii").split()[0] if folder else ""
    except (FileNotFoundError, IndexError):
        return ""


def named_key_file(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The private key of the backups that this container was given."""
    return Path(environ[_KEY_VARIABLE]) if environ.get(_KEY_VARIABLE) else None


def recovery_door(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Folder where a container of the database's own image waits to recover data; None: we recover them."""
    return Path(environ[_RECOVERY_VARIABLE]) if environ.get(_RECOVERY_VARIABLE) else None


class NobodyRecoversError(PartError):
    """No container of the database's own image waits to recover data."""

    def __init__(self, door: Path) -> None:
        super().__init__(
            f"No container with the database's image waits at {door}, to recover data with its extensions.",
            "Start it with `stockops up`, then run this again.",
        )
