"""A file of corporate actions on its way into the store."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from stock_analysis.domain.actions import ActionKind, CorporateAction
from stock_analysis.ingest.patience import Patience
from stock_analysis.ingest.ports import PriceStore
from stock_analysis.ingest.rows import Counts, Rejected, Report, Run, count_reasons

UNKNOWN_INSTRUMENT = "unknown_instrument"
"""Why a corporate action is kept aside whose instrument is not stored; bars bring theirs with them."""
REPEATED = "duplicate"
"""Why a corporate action is kept aside that the source states twice, word for word."""


async def land_actions(
    store: PriceStore,
    patiently: Patience,
    source: str,
    sha256: bytes,
    actions: Sequence[tuple[str, CorporateAction]],
    rejected: Sequence[Rejected] = (),
) -> Report:
    """Write corporate actions by symbol; those of unknown instruments, and repeats, are kept aside."""
    rows = len(actions) + len(rejected)
    run = await patiently(lambda: store.open_run(source, sha256, "actions", rows))
    listed = await patiently(lambda: store.listed({symbol for symbol, _ in actions}))
    aside, known = list(rejected), []
    for number, (symbol, action), reasons in _numbered(actions, rejected, listed):
        if reasons:
            aside.append(_kept(number, symbol, action, reasons))
        else:
            known.append((listed[symbol].id, action))
    settled = await patiently(lambda: _land(store, run, known, aside))
    report = Report(await patiently(lambda: store.close_run(run.id)), rows)
    for row in aside:
        if row.row_number not in settled:
            count_reasons(report.reasons, row.reasons)
    return report


async def _land(
    store: PriceStore, run: Run, known: list[tuple[int, CorporateAction]], aside: Sequence[Rejected]
) -> set[int]:
    """All of a file of actions in one transaction, unless that was done before.

    Returns the numbers of the rows aside that were replayed or dismissed before: they are unchanged.
    """
    async with store.transaction() as writer:
        done = await writer.lock_run(run.id)
        settled = await writer.settled_aside(run, "actions", aside)
        if done:
            return settled
        await writer.lock_instruments(sorted({instrument_id for instrument_id, _ in known}))
        keys = sorted({(one, action.ex_date, action.kind) for one, action in known})
        before = await writer.action_groups(keys)
        new, changed, touched = await writer.put_actions(known)
        await writer.journal_actions(run.id, before, await writer.action_groups(keys))
        await writer.keep_aside(run, "actions", aside)
        await writer.bump(touched)
        unchanged = len(known) - new - changed + len(settled)
        counts = Counts(len(known) + len(aside), new, unchanged, changed, len(aside) - len(settled))
        await writer.advance(run.id, counts)
        return settled


def _numbered(
    actions: Sequence[tuple[str, CorporateAction]], rejected: Sequence[Rejected], listed: Collection[str]
) -> Iterator[tuple[int, tuple[str, CorporateAction], list[str]]]:
    """The actions with their row numbers, which rejected rows leave free, and why they are kept aside.

    A row that says the same as one before is a repeat: two equal actions of one day are written as their sum.
    """
    taken = {row.row_number for row in rejected}
    numbers = (number for number in itertools.count(1) if number not in taken)
    seen = set()
    for number, (symbol, action) in zip(numbers, actions, strict=False):
        said = (symbol, replace(action, source=""))
        repeated = [REPEATED] if said in seen else []
        seen.add(said)
        yield number, (symbol, action), repeated + ([] if symbol in listed else [UNKNOWN_INSTRUMENT])


def _kept(number: int, symbol: str, action: CorporateAction, reasons: list[str]) -> Rejected:
    row = {"symbol": symbol, "ex_date": action.ex_date, "kind": action.kind, "value": action.value}
    if action.kind is ActionKind.SPIN_OFF:
        row["unit"] = action.unit
    if action.price is not None:
        row["price"] = action.price
    return Rejected(number, symbol, None, row, reasons)
