"""A folder of secrets for compose: a file each, and for each service a folder with what it may read.

    FOLDER/NAME                    mode 0600: the newest value, and the one before it while it is changed
    FOLDER/services/SERVICE/NAME   mode 0640: the same, in the folder that is mounted as /run/secrets

A folder is mounted, not a file: a file that is replaced would stay the old one inside of the container. The
containers run as other users than the one who draws, and read through the group of the files.
"""

import os
import secrets
from pathlib import Path

from stock_ops.kit.errors import CorruptFileError, FolderError
from stock_ops.kit.files import remove, write_whole
from stock_ops.kit.layout import OWNER_ROLE
from stock_ops.kit.secret_names import BY_NAME, SECRET_NAMES, SERVICES, SUPERUSER, VALKEY, files_of
from stock_ops.kit.wanted import NewFile

_OLD_NAMES = {
    "database_superuser_password": SUPERUSER,
    "database_password": OWNER_ROLE,
    "valkey_password": VALKEY,
}
"""Files of a release that had one role for all services."""
_TODO = "Put back the file, or bring it from another machine: stockops secrets import --help"
_FOLDER_MODE, _FILE_MODE = 0o750, 0o640


def draw() -> str:
    """A new secret: 256 random bits as letters and digits, which no file or program has to quote."""
    return secrets.token_hex(32)


def fill(folder: Path) -> tuple[str, ...]:
    """Draw what is missing, bring the services' folders up to date; the names that were drawn."""
    _make(folder, 0o700)
    for old, name in _OLD_NAMES.items():
        if (folder / old).exists() and not (folder / name).exists():
            write_whole(NewFile(folder / name, f"{(folder / old).read_text(encoding='ascii').strip()}\n"))
        remove(folder / old)
    missing = tuple(one for one in SECRET_NAMES if not (folder / one.name).exists())
    for one in missing:
        write_whole(NewFile(folder / one.name, "" if one.optional else f"{draw()}\n"))
    show(folder)
    return tuple(one.name for one in missing if not one.optional)


def values(folder: Path) -> dict[str, tuple[str, ...]]:
    """Every secret by name, the newest value first."""
    return {one.name: read(folder / one.name) for one in SECRET_NAMES}


def read(path: Path) -> tuple[str, ...]:
    """The values of one file. Raises OpsError."""
    try:
        lines = tuple(path.read_text(encoding="ascii").split())
    except FileNotFoundError as error:
        raise FolderError(
            f"{path} is missing.", f"Draw it: stockops secrets init --folder {path.parent}"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise CorruptFileError(path, reason, _TODO) from error
    least = 0 if BY_NAME[path.name].optional else 1
    if not least <= len(lines) <= 2 or not all(line.isalnum() for line in lines):
        raise CorruptFileError(path, "it must hold one or two lines of letters and digits", _TODO)
    return lines


def put(folder: Path, name: str, lines: tuple[str, ...]) -> None:
    """Write one secret; no service has it yet."""
    write_whole(NewFile(folder / name, _text(lines)))


def hand_out(folder: Path, name: str, lines: tuple[str, ...], *, but: tuple[str, ...] = ()) -> None:
    """Give these values to the services that have the secret. but: they keep what they have."""
    for service in SERVICES:
        if name in files_of(service) and service not in but:
            _show(folder, service, name, lines)


def show(folder: Path) -> None:
    """The services' folders as they shall be: no secret that is not theirs, none that is out of date."""
    for service in SERVICES:
        place = folder / "services" / service
        _make(place.parent, _FOLDER_MODE)
        _make(place, _FOLDER_MODE)
        for other in place.iterdir():
            if other.name not in files_of(service):
                remove(other)
        for name in files_of(service):
            if not _is_shown(folder, service, name):
                _show(folder, service, name, read(folder / name))


def _is_shown(folder: Path, service: str, name: str) -> bool:
    path = folder / "services" / service / name
    try:
        found = path.stat().st_mode & 0o777, path.read_text(encoding="ascii")
    except (FileNotFoundError, ValueError):
        return False
    return found == (_FILE_MODE, _text(read(folder / name)))


def _show(folder: Path, service: str, name: str, lines: tuple[str, ...]) -> None:
    write_whole(NewFile(folder / "services" / service / name, _text(lines), mode=_FILE_MODE))


def _text(lines: tuple[str, ...]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _make(folder: Path, mode: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(mode)


def group_of(folder: Path) -> int:
    """The group that the services read through."""
    return (folder / "services").stat().st_gid
