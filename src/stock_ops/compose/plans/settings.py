"""The variables of compose.yaml: which are missing, and the text of the file that holds them."""

import json
import re
from collections.abc import Mapping
from typing import Any

from stock_ops.compose.facts.stack import IMAGES, Files
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import MissingProgramError, SettingError

DEFAULT_PORT = 8080
LOOPBACK = "127.0.0.1"
_PUBLISH = re.compile(r"(?:(?P<host>[\d.]+|\[[\da-fA-F:]+\]):)?(?P<port>\d{1,5})")
_STORAGE_INSIDE = "/var/lib/stock-ops-backups"


def missing_images(operators: Mapping[str, str]) -> list[str]:
    """Images that nobody has named."""
    return [name for name in IMAGES if not operators.get(name)]


def refuse_missing(files: Files, operators: Mapping[str, str]) -> None:
    """Raise MissingProgramError when an image is not named."""
    if missing := missing_images(operators):
        raise MissingProgramError(
            f"There is no image for {', '.join(missing)}.",
            f"Write NAME=image@sha256:... for each in {files.settings}, or set them in the environment; "
            "deploy/docker/build.sh makes PLATFORM_IMAGE and OPS_IMAGE.",
        )


def published(files: Files, operators: Mapping[str, str], port: int | None) -> tuple[str, int]:
    """Address and port of the gateway on this machine. Raises SettingError."""
    told = operators.get("STOCK_PUBLISH") or f"{LOOPBACK}:{DEFAULT_PORT}"
    found = _PUBLISH.fullmatch(told)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise SettingError(files.settings, "STOCK_PUBLISH", told, "an address and a port: 127.0.0.1:8080")
    return (found["host"] or "0.0.0.0"), port or int(found["port"])  # noqa: S104 - as compose reads it


def variables(
    files: Files, operators: Mapping[str, str], publish: tuple[str, int], gid: str, backups: BackupSettings
) -> dict[str, str]:
    """All variables of compose.yaml."""
    folder = {} if backups.is_s3 else {"STOCK_BACKUPS": backups.storage}
    own = backups.storage != f"{files.layout.root}-backups"
    return {
        **operators,
        "STOCK_PUBLISH": f"{publish[0]}:{publish[1]}",
        "STOCK_SECRETS": str(files.secrets),
        "STOCK_SECRETS_GID": gid,
        "STOCK_BACKUP_CONFIG": str(files.inside),
        "STOCK_BACKUP_KEY": str(files.backup_key),
        **(folder if own else {}),
    }


def variables_text(found: Mapping[str, str]) -> str:
    """compose.env: no secret is in it."""
    head = "# Written by `stockops up` at each start. Your own: config/compose.env."
    return "\n".join([head, *(f"{name}={value}" for name, value in sorted(found.items()))]) + "\n"


def backup_settings_inside(found: Mapping[str, Any]) -> str:
    """backup.toml as the containers read it: a storage that is a folder lies elsewhere there, and so does the
    key."""
    kept = {name: value for name, value in found.items() if name != "key_file"}
    if not str(kept.get("storage", "")).startswith("s3://"):
        kept["storage"] = _STORAGE_INSIDE
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in kept.items()]
    return (
        "\n".join(["# Written by `stockops up` at each start. Your own: config/backup.toml.", *lines]) + "\n"
    )
