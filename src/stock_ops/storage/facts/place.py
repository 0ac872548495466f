"""The storage that the settings of the backups name."""

import os
from collections.abc import Mapping
from pathlib import Path

from stock_ops.kit.backup_settings import BackupSettings, read_credentials
from stock_ops.kit.layout import Layout
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.s3 import Bucket, S3Storage
from stock_ops.storage.storage import Storage, StorageError


def absolute(storage: str) -> str:
    """A storage as it was typed, so that it is the same one from any folder."""
    return storage if storage.startswith("s3://") else str(Path(storage).resolve())


def open_storage(
    layout: Layout, settings: BackupSettings, environ: Mapping[str, str] = os.environ
) -> Storage:
    """The storage, not yet looked at. Raises StorageError when the keys to a bucket are missing."""
    if not settings.is_s3:
        return FolderStorage(Path(settings.storage))
    keys = read_credentials(layout, environ)
    if keys is None:
        raise StorageError(
            f"There are no keys to {settings.storage}.",
            f"Write access_key_id and secret_access_key to {layout.backup_credentials} (mode 600), "
            "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    bucket, _, prefix = settings.storage.removeprefix("s3://").partition("/")
    return S3Storage(
        Bucket(
            bucket,
            prefix.rstrip("/"),
            settings.s3_endpoint,
            settings.s3_region,
            keys.access_key_id,
            keys.secret_access_key,
        )
    )
