"""The operator's settings of a copy of the storage: a table [[copy]] in backup.toml."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stock_ops.kit.backup_rules import CredentialSource, value_of
from stock_ops.kit.errors import ConflictingSettingsError, SettingError
from stock_ops.kit.layout import Layout

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True)
class CopySettings:
    """A second storage, which everything is shipped to after the first."""

    name: str
    """What it is called wherever it is told of: small letters, digits, dashes."""
    storage: str
    """Folder (absolute), or s3://bucket/prefix; another disk or another provider than the first."""
    s3_endpoint: str = ""
    """Address of the S3 service; empty: Amazon's."""
    s3_region: str = "us-east-1"
    """Region of the bucket."""
    s3_credentials: CredentialSource = "auto"
    """Source of the keys, as above."""
    s3_profile: str = ""
    """Profile, as above."""
    s3_ca_file: str = ""
    """Certificate of the authority, as above."""
    s3_credentials_file: str = ""
    """File of the keys, mode 600; empty: backup-credentials-NAME.toml beside this one."""


def read_copies(layout: Layout, path: Path, tables: object) -> tuple[CopySettings, ...]:
    """The tables [[copy]] of a file. Raises SettingError, ConflictingSettingsError."""
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise SettingError(path, "copy", tables, "it as a table: [[copy]] on a line of its own.")
    found = tuple(_read(layout, path, one) for one in tables)
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SettingError(path, "name", twice, "in each [[copy]] another name.")
    return found


def _read(layout: Layout, path: Path, table: dict[str, Any]) -> CopySettings:
    known = [one.name for one in dataclasses.fields(CopySettings)]
    if unknown := sorted(table.keys() - set(known)):
        raise ConflictingSettingsError(
            f"{path} sets {', '.join(unknown)} in [[copy]], which is no setting there.",
            f"There are: {', '.join(known)}.",
        )
    for name in ("name", "storage"):
        if name not in table:
            raise SettingError(path, name, None, f'in each [[copy]] {name} = "..."')
    name = table["name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SettingError(path, "name", name, 'small letters, digits and dashes: name = "offsite"')
    values = {key: value_of(path, key, value) for key, value in table.items() if key != "name"}
    values.setdefault("s3_credentials_file", str(layout.config / f"backup-credentials-{name}.toml"))
    return CopySettings(name=name, **values)
