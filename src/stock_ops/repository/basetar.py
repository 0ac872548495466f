"""The tar archive of a base backup as it passes: each file against PostgreSQL's own manifest, its last file.

Nothing is kept but the manifest, so that an archive of any size can be checked on its way into the storage
and out of it. pg_verifybackup wants the archive or its files on a disk.
"""

import tarfile

import google_crc32c

from stock_ops.repository.pgmanifest import NAME, PgFile, PgManifest, parse_pg_manifest

_BLOCK_BYTES = 512
_LARGEST_MANIFEST = 256 * 2**20
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)


class BaseTarError(ValueError):
    """An archive that is not what the server sent; the text says where."""


class BaseTar:
    """A sink for the archive's bytes."""

    def __init__(self) -> None:
        self._files: dict[str, PgFile] = {}
        self._header, self._manifest = bytearray(), bytearray()
        self._name: str | None = None
        self._size = self._left = self._padding = self._crc = 0
        self._ended = False

    def write(self, data: bytes) -> int:
        """The next bytes. Raises BaseTarError when they cannot belong to an archive."""
        if self._name != NAME and len(data) < self._left:
            self._crc = google_crc32c.extend(self._crc, data)  # within a large file, without a copy
            self._left -= len(data)
            return len(data)
        view = memoryview(data)
        while view:
            view = view[self._take(view) :]
        return len(data)

    def finish(self) -> PgManifest:
        """The manifest, once everything has passed. Raises BaseTarError where a file differs from it."""
        if not self._ended or self._left or self._padding:
            raise BaseTarError("the archive ends too early")
        if not self._manifest:
            raise BaseTarError(f"{NAME} is missing")
        try:
            manifest = parse_pg_manifest(bytes(self._manifest))
        except ValueError as error:
            raise BaseTarError(str(error)) from error
        self._compare(manifest)
        return manifest

    def _take(self, view: memoryview) -> int:
        """Deal with the beginning of what came; returns how much of it."""
        if self._left:
            return self._take_body(view)
        if self._padding:
            count = min(self._padding, len(view))
            self._padding -= count
            return count
        return self._take_header(view)

    def _take_header(self, view: memoryview) -> int:
        count = min(_BLOCK_BYTES - len(self._header), len(view))
        self._header += view[:count]
        if len(self._header) == _BLOCK_BYTES:
            self._begin(bytes(self._header))
            self._header.clear()
        return count

    def _begin(self, header: bytes) -> None:
        if not any(header):
            self._ended = True
            return
        if self._ended:
            raise BaseTarError("something follows the end of the archive")
        try:
            member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise BaseTarError(f"it is no tar archive ({error})") from error
        self._name = member.name if member.type in _REGULAR else None
        self._size = self._left = member.size if self._name else 0
        self._padding, self._crc = -self._size % _BLOCK_BYTES, 0
        if self._name == NAME and self._size > _LARGEST_MANIFEST:
            raise BaseTarError(f"{NAME} is far too large")
        if not self._left:
            self._end_file()

    def _take_body(self, view: memoryview) -> int:
        part = view[: self._left]
        if self._name == NAME:
            self._manifest += part
        else:
            self._crc = google_crc32c.extend(self._crc, bytes(part))
        self._left -= len(part)
        if not self._left:
            self._end_file()
        return len(part)

    def _end_file(self) -> None:
        if self._name is not None and self._name != NAME:
            self._files[self._name] = PgFile(self._size, f"{self._crc:08x}")

    def _compare(self, manifest: PgManifest) -> None:
        if missing := sorted(manifest.files.keys() - self._files.keys()):
            raise BaseTarError(f"{missing[0]} is missing")
        if unknown := sorted(self._files.keys() - manifest.files.keys()):
            raise BaseTarError(f"{unknown[0]} is not in {NAME}")
        for name, found in self._files.items():
            if found != manifest.files[name]:
                raise BaseTarError(f"{name} differs from {NAME}")
