"""The storage that the settings of the backups name."""

import os
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.credentials import Found, find_credentials, origin_of
from stock_ops.kit.layout import Layout
from stock_ops.storage.authentic import AuthenticStorage
from stock_ops.storage.authority import Authority, Known
from stock_ops.storage.facts.keys import named
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.keys import (
    LostKeyError,
    authentication_key,
    knows_tags,
    read_authentication_key,
    read_identity,
)
from stock_ops.storage.known import read_known
from stock_ops.storage.owner import read_owner
from stock_ops.storage.s3 import Bucket, Keys, KeySource, S3Storage
from stock_ops.storage.storage import Storage, StorageError
from stock_ops.storage.tags import AuthenticationKey


def absolute(storage: str) -> str:
    """A storage as it was typed, so that it is the same one from any folder."""
    return storage if storage.startswith("s3://") else str(Path(storage).resolve())


def open_storage(
    layout: Layout,
    settings: BackupSettings,
    environ: Mapping[str, str] = os.environ,
    *,
    key_file: Path | None = None,
) -> AuthenticStorage:
    """The storage, not yet looked at, whose objects are checked before they are used.

    key_file: the private key that opens it, where that is not the one of the settings.
    Raises StorageError when the keys to a bucket are missing, CorruptFileError, LostKeyError, which names the
    key beside key_file that opens the storage, if there is one.
    """
    inner = _open(layout, settings, environ)
    try:
        keys, always = _authentication(layout, key_file or settings.key_file, required=key_file is not None)
    except LostKeyError as error:
        owner = read_owner(inner)
        raise named(error, key_file or settings.key_file, owner.recipient if owner else None) from error

    def known() -> Known | None:
        return read_known(layout, inner.where) or (Known() if always else None)

    return AuthenticStorage(inner, Authority(inner, keys, known))


def _authentication(
    layout: Layout, key_file: Path, *, required: bool
) -> tuple[list[AuthenticationKey], bool]:
    """The keys that authenticate, and whether the private one says that there never was anything without."""
    here = read_authentication_key(layout.authentication_key)
    keys = [here] if here else []
    try:
        return [*keys, authentication_key(read_identity(key_file))], knows_tags(key_file)
    except LostKeyError:
        if required:
            raise
        return keys, False


def _open(layout: Layout, settings: BackupSettings, environ: Mapping[str, str]) -> Storage:
    if not settings.is_s3:
        return FolderStorage(Path(settings.storage))
    bucket, _, prefix = settings.storage.removeprefix("s3://").partition("/")
    found = find_credentials(origin_of(layout, settings, environ))
    place = Bucket(
        bucket, prefix.rstrip("/"), settings.s3_endpoint, settings.s3_region, authority=_authority(settings)
    )
    return S3Storage(place, _source(found))


def _source(found: Found) -> KeySource:
    read = found.read
    return KeySource(found.told, read and (lambda: Keys(*astuple(read()))))


def _authority(settings: BackupSettings) -> str:
    if not settings.s3_ca_file:
        return ""
    try:
        return Path(settings.s3_ca_file).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        why = f"The certificate {settings.s3_ca_file} cannot be read: {error}."
        raise StorageError(why, "Correct s3_ca_file in backup.toml.") from error
