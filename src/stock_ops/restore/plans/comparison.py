"""The content of a database compared with its backup's manifest. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stock_ops.storage.manifest import Manifest, TableContent


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured database, as backup/runners/content.py measures it."""

    content: tuple[TableContent, ...]
    structure_sha256: str
    schema_version: int
    extensions: Mapping[str, str]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.content)


def differences(manifest: Manifest, found: Measured) -> tuple[str, ...]:
    """Everything that is not as it was backed up, in words; nothing when the data are the same."""
    return tuple(_differences(manifest, found))


def _differences(manifest: Manifest, found: Measured) -> Iterator[str]:
    if found.schema_version != manifest.schema_version:
        yield f"the schema is version {found.schema_version}, not {manifest.schema_version}"
    if dict(found.extensions) != manifest.extensions:
        yield f"the extensions are {_told(found.extensions)}, not {_told(manifest.extensions)}"
    if found.structure_sha256 != manifest.structure_sha256:
        yield "the structure of the tables differs"
    wanted = {table.table: table for table in manifest.content}
    there = {table.table: table for table in found.content}
    for name in sorted(wanted.keys() | there.keys()):
        if difference := _difference(wanted.get(name), there.get(name)):
            yield f"{name} {difference}"


def _difference(wanted: TableContent | None, found: TableContent | None) -> str | None:
    if found is None:
        return "is missing"
    if wanted is None:
        return "was not there"
    if found.rows != wanted.rows:
        return f"has {found.rows:,} rows, not {wanted.rows:,}"
    return "has other rows" if found.checksum != wanted.checksum else None


def _told(extensions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(extensions.items())) or "none"
