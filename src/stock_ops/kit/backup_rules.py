"""Which values the settings of the backups take, and what to write instead."""

import re
import tomllib
from collections.abc import Callable
from datetime import time
from pathlib import Path
from typing import Any, Literal, get_args

from stock_ops.kit.errors import CorruptFileError, SettingError

CredentialSource = Literal["auto", "file", "environment", "profile", "identity"]

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^/\s]+)*/?")


def value_of(path: Path, name: str, value: object) -> Any:
    """The value of a key as it is used. Raises SettingError."""
    fits, wanted = _RULES[name]
    if not fits(value):
        raise SettingError(path, name, value, wanted)
    if name == "daily_at":
        return time.fromisoformat(str(value))
    if name == "key_file":
        return Path(str(value)).expanduser()
    if name == "storage" and not str(value).startswith("s3://"):
        return str(Path(str(value)).expanduser())
    return value


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 36_500


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e6


def _is_path(value: object) -> bool:
    return isinstance(value, str) and Path(value).expanduser().is_absolute()


def _is_storage(value: object) -> bool:
    return isinstance(value, str) and (bool(_BUCKET.fullmatch(value)) or _is_path(value))


_COUNT = (_is_count, "a whole number from 1 on, without quotation marks.")
_AMOUNT = (_is_amount, "a number above 0, without quotation marks.")
_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "storage": (_is_storage, 'an absolute path, or a bucket: storage = "s3://bucket/prefix"'),
    "key_file": (_is_path, 'an absolute path, for example: key_file = "/root/backup.key"'),
    "s3_endpoint": (
        lambda value: isinstance(value, str) and value.startswith(("https://", "http://")),
        'an address, for example: s3_endpoint = "https://s3.example.com"',
    ),
    "s3_region": (
        lambda value: isinstance(value, str) and bool(value),
        'a name, for example: s3_region = "eu-central-1"',
    ),
    "s3_credentials": (
        lambda value: value in get_args(CredentialSource),
        's3_credentials = "auto", "file", "environment", "profile" or "identity"',
    ),
    "s3_profile": (
        lambda value: isinstance(value, str) and not set(value) & set("[]\n"),
        'the name of a profile, for example: s3_profile = "backups"',
    ),
    "s3_credentials_file": (
        _is_path,
        'an absolute path, for example: s3_credentials_file = "/run/secrets/backup-keys.toml"',
    ),
    "s3_ca_file": (_is_path, 'an absolute path, for example: s3_ca_file = "/etc/ssl/our-ca.pem"'),
    "full_every_days": _COUNT,
    "daily_at": (
        lambda value: isinstance(value, str) and bool(_CLOCK.fullmatch(value)),
        'a time of day in UTC, for example: daily_at = "03:15"',
    ),
    "drill_every_days": _COUNT,
    "dump": (lambda value: value in ("full", "always", "never"), 'dump = "full", "always" or "never"'),
    "keep_days": _COUNT,
    "keep_full": _COUNT,
    "wal_keep_gib": _AMOUNT,
    "heartbeat_s": _AMOUNT,
    "ship_s": _AMOUNT,
    "enabled": (lambda value: isinstance(value, bool), "enabled = true or false, without quotation marks."),
}


def read_toml(path: Path, todo: str) -> dict[str, Any]:
    """A file of the operator's; empty when there is none. Raises CorruptFileError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise CorruptFileError(path, error.strerror or type(error).__name__, todo) from error
    except ValueError as error:
        raise CorruptFileError(path, " ".join(str(error).split()), todo) from error
