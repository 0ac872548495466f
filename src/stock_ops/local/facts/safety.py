"""Whether the backups would help now: is the storage there, does the key open them, how old is the newest."""

from dataclasses import dataclass
from datetime import datetime

from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import OpsError
from stock_ops.kit.layout import Layout
from stock_ops.storage.facts.contents import read_contents
from stock_ops.storage.facts.keys import find_key_flaw, observe_keys
from stock_ops.storage.facts.place import open_storage


@dataclass(frozen=True, slots=True)
class Safety:
    """The state of the storage itself, whether anything runs or not."""

    where: str
    unreachable: OpsError | None
    key_flaw: OpsError | None
    newest: datetime | None
    """End of the newest backup."""


def observe_safety(layout: Layout, settings: BackupSettings) -> Safety:
    """Look at storage and key. Takes as long as the storage does."""
    recipient = observe_keys(layout, settings).recipient
    flaw = find_key_flaw(settings.key_file, recipient) if recipient else None
    try:
        backups = read_contents(open_storage(layout, settings)).archive.backups
    except OpsError as error:
        return Safety(settings.storage, error, flaw, None)
    return Safety(settings.storage, None, flaw, max((one.finished_at for one in backups), default=None))
