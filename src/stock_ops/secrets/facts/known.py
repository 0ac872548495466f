"""Every secret of an instance by name, with all values that are or may be valid."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from stock_ops.kit.backup_settings import BackupSettings, settings_of_copy
from stock_ops.kit.credentials import CredentialsError, find_credentials, origin_of
from stock_ops.kit.errors import FolderError
from stock_ops.kit.layout import Layout
from stock_ops.kit.secret_folder import values
from stock_ops.kit.secret_names import SESSION_KEY
from stock_ops.local.facts.instance import FIELDS, Secrets, read_secrets
from stock_ops.storage.keys import authentication_key, read_authentication_key, read_identity

BACKUP_KEY, STORAGE_KEY = "backup key", "key to the bucket"
AUTHENTICATION_KEY = "authentication key of the backups"


def secrets_of_instance(layout: Layout) -> dict[str, tuple[str, ...]]:
    """Those of a data folder of the `local` target. Raises FolderError."""
    found = read_secrets(layout)
    if not isinstance(found, Secrets):
        raise FolderError(f"{layout.root} has no secrets.", f"Start it: stockops up --data {layout.root}")
    known = {}
    for name, field in FIELDS.items():
        change = found.changing.get(field)
        more = (change.new, change.old) if change else ()
        before = (found.session_before,) if name == SESSION_KEY else ()
        known[name] = tuple(filter(None, (getattr(found, field), *more, *before)))
    return known


def secrets_of_folder(folder: Path) -> dict[str, tuple[str, ...]]:
    """Those of the folder that compose mounts. Raises OpsError."""
    return values(folder)


def secrets_of_backups(layout: Layout, settings: BackupSettings) -> Mapping[str, tuple[str, ...]]:
    """The keys of the backups and the key to their bucket, where they are here."""
    found: dict[str, tuple[str, ...]] = {}
    tags = [read_authentication_key(layout.authentication_key)]
    if settings.key_file.exists():
        identity = read_identity(settings.key_file)
        found[BACKUP_KEY] = (identity,)
        tags.append(authentication_key(identity))
    if known := tuple(dict.fromkeys(one.secret.hex() for one in tags if one)):
        found[AUTHENTICATION_KEY] = known
    named = (settings, *(settings_of_copy(settings, one.name) for one in settings.copy))
    keys = [value for one in named if one.is_s3 for value in _of_bucket(layout, one)]
    if keys:
        found[STORAGE_KEY] = tuple(dict.fromkeys(keys))
    return found


def _of_bucket(layout: Layout, settings: BackupSettings) -> Iterator[str]:
    """None where there are no keys yet, or the machine's own identity is asked for them."""
    try:
        read = find_credentials(origin_of(layout, settings)).read
    except CredentialsError:
        return
    if read:
        keys = read()
        yield keys.secret_access_key
        if keys.session_token:
            yield keys.session_token
