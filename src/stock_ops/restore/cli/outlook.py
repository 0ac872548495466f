"""The outlook of a dry run: the storage is read for the last commit, nothing is made."""

from datetime import UTC, datetime

from stock_ops.kit.layout import Layout
from stock_ops.kit.outlook import Outlook
from stock_ops.local.facts.observe import Facts
from stock_ops.restore.cli.source import Source, Wish, reading_shop
from stock_ops.restore.facts.pace import read_pace
from stock_ops.restore.plans.outlook import Sight, outlook
from stock_ops.restore.runners.commits import last_commit, reader


def outlook_of(layout: Layout, facts: Facts, source: Source, wish: Wish) -> Outlook:
    """What the restore would take and lead to."""
    with reader(reading_shop(facts, source.storage, source.identity, source.archive)) as read:
        last = last_commit(source.choice, source.archive, read)
    now = datetime.now(UTC)
    sight = Sight(
        free_bytes=facts.folder.free_bytes,
        pace=read_pace(layout),
        last_commit=last,
        now=now,
        zone=now.astimezone().tzinfo or UTC,
        typed_time=wish.typed_time,
    )
    return outlook(source.choice, sight)
