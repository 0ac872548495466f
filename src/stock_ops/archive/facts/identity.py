"""Which instance a data folder is, and whether it still lies where that was drawn."""

import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stock_ops.kit.container import in_container
from stock_ops.kit.errors import CorruptFileError
from stock_ops.kit.layout import Layout
from stock_ops.kit.typed import command

_MACHINE = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True)
class Place:
    """A machine, and a folder on it."""

    machine: str
    """/etc/machine-id; empty where there is none, as in many containers."""
    folder: str
    inode: int


@dataclass(frozen=True, slots=True)
class Identity:
    """identity.json. A copy of the folder has the same, and lies elsewhere."""

    instance: str
    place: Place
    epoch: int = 0
    """Of its last entry in the storage."""
    sessions: tuple[str, ...] = ()
    """Those of its last entries, and of one that was about to be written."""


@dataclass(frozen=True, slots=True)
class Here:
    """The folder as it lies now."""

    place: Place
    host: str
    is_elsewhere_too: bool
    """The folder that the identity names is another one, and has the same identity."""


def read_identity_of(layout: Layout) -> Identity | None:
    """What was drawn; None before the first start. Raises CorruptFileError."""
    try:
        return _identity(json.loads(layout.identity.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        take_over = command("backup", "writer", "take-over", "--data", f"{layout.root}")
        todo = f"Move it away; then decide who writes: {take_over}"
        raise CorruptFileError(layout.identity, f"it makes no sense ({error})", todo) from error


def dump_identity(identity: Identity) -> str:
    """The text of identity.json."""
    return json.dumps(asdict(identity), indent=1) + "\n"


def observe_here(layout: Layout, identity: Identity | None) -> Here:
    """Where the folder lies now."""
    root = layout.root.resolve()
    try:
        machine = _MACHINE.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        machine = ""
    # In a container, the volume that has the identity; its parent is made anew with each.
    home = layout.backup if in_container() else root
    place = Place(machine, str(root), home.stat().st_ino)
    return Here(place, platform.node() or "a host without a name", _is_elsewhere_too(root, identity))


def _is_elsewhere_too(root: Path, identity: Identity | None) -> bool:
    if identity is None or identity.place.folder == str(root):
        return False
    try:
        other = read_identity_of(Layout(Path(identity.place.folder)))
    except (OSError, CorruptFileError):
        return False
    return other is not None and other.instance == identity.instance


def _identity(body: dict[str, Any]) -> Identity:
    return Identity(
        instance=str(body["instance"]),
        place=Place(**body["place"]),
        epoch=int(body["epoch"]),
        sessions=tuple(map(str, body["sessions"])),
    )
