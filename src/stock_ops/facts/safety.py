"""Whether the backups would help now: is the storage there, does the key open them, how old is the newest."""

from dataclasses import dataclass
from datetime import datetime

from stock_ops.errors import OpsError
from stock_ops.facts.backups import BackupSettings
from stock_ops.facts.keys import observe_keys
from stock_ops.facts.repository import read_contents
from stock_ops.facts.standing import find_key_flaw
from stock_ops.facts.storage import open_storage
from stock_ops.layout import Layout


@dataclass(frozen=True, slots=True)
class Safety:
    """What was found at the storage itself, whether anything runs or not."""

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
