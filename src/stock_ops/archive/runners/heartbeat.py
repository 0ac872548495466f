"""A row whose age tells, after a restore, how much was lost."""

import asyncio

from stock_ops.archive.runners.troubles import Troubles
from stock_ops.archive.runners.wal_source import WalSource
from stock_ops.kit.errors import ArchiveError


async def beat(source: WalSource, troubles: Troubles, every_s: float) -> None:
    """Write the time into it again and again, until cancelled."""
    while True:
        try:
            await source.beat()
            troubles.clear("heartbeat")
        except ArchiveError as error:
            troubles.note("heartbeat", error)
        await asyncio.sleep(every_s)
