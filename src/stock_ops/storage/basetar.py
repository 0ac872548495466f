"""The tar archive of a base backup as it passes: each file against PostgreSQL's own manifest, its last file.

Nothing is kept but the manifest, so that an archive of any size can be checked on its way into the storage
and out of it. pg_verifybackup wants the archive or its files on a disk.
"""

import tarfile

import google_crc32c

from stock_ops.storage.pgmanifest import NAME, PgFile, PgManifest, parse_pg_manifest
from stock_ops.storage.tarreader import TarError, TarReader, is_file

_LARGEST_MANIFEST = 256 * 2**20


class BaseTar:
    """A sink for the archive's bytes."""

    def __init__(self) -> None:
        self._reader = TarReader(self)
        self._files: dict[str, PgFile] = {}
        self._manifest = bytearray()
        self._name, self._size, self._crc = "", 0, 0

    def write(self, data: bytes) -> int:
        """The next bytes. Raises TarError when they cannot belong to an archive."""
        return self._reader.write(data)

    def finish(self) -> PgManifest:
        """The manifest, once everything has passed. Raises TarError where a file differs from it."""
        self._reader.finish()
        if not self._manifest:
            raise TarError(f"{NAME} is missing")
        try:
            manifest = parse_pg_manifest(bytes(self._manifest))
        except ValueError as error:
            raise TarError(str(error)) from error
        self._compare(manifest)
        return manifest

    def begin(self, member: tarfile.TarInfo) -> None:
        """Remember it, if it is a file."""
        self._name, self._size, self._crc = member.name, member.size, 0
        if is_file(member) and self._name == NAME and self._size > _LARGEST_MANIFEST:
            raise TarError(f"{NAME} is far too large")

    def take(self, content: bytes | memoryview) -> None:
        """Add to the checksum; of the manifest all is kept."""
        if self._name == NAME:
            self._manifest += content
        else:
            self._crc = google_crc32c.extend(self._crc, bytes(content))

    def end(self) -> None:
        """Note its checksum."""
        if self._name != NAME:
            self._files[self._name] = PgFile(self._size, f"{self._crc:08x}")

    def _compare(self, manifest: PgManifest) -> None:
        if missing := sorted(manifest.files.keys() - self._files.keys()):
            raise TarError(f"{missing[0]} is missing")
        if unknown := sorted(self._files.keys() - manifest.files.keys()):
            raise TarError(f"{unknown[0]} is not in {NAME}")
        for name, found in self._files.items():
            if found != manifest.files[name]:
                raise TarError(f"{name} differs from {NAME}")
