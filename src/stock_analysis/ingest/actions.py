"""A file of corporate actions on its way into the store."""

from collections.abc import Sequence

from stock_analysis.domain.actions import CorporateAction
from stock_analysis.ingest.patience import Patience
from stock_analysis.ingest.ports import PriceStore
from stock_analysis.ingest.rows import Counts, Rejected, Report, Run, count_reasons

UNKNOWN_INSTRUMENT = "unknown_instrument"
"""Why a corporate action is kept aside whose instrument is not stored; bars bring theirs with them."""


async def land_actions(
    store: PriceStore,
    patiently: Patience,
    source: str,
    sha256: bytes,
    actions: Sequence[tuple[str, CorporateAction]],
    rejected: Sequence[Rejected] = (),
) -> Report:
    """Write corporate actions by symbol; those of unknown instruments are kept aside."""
    rows = len(actions) + len(rejected)
    run = await patiently(lambda: store.open_run(source, sha256, "actions", rows))
    listed = await patiently(lambda: store.listed({symbol for symbol, _ in actions}))
    unlisted = [_unlisted(row, *pair) for row, pair in enumerate(actions, 1) if pair[0] not in listed]
    known = [(listed[symbol].id, action) for symbol, action in actions if symbol in listed]
    aside = [*rejected, *unlisted]
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
    distinct = list({(one, action.ex_date, action.kind): (one, action) for one, action in known}.values())
    async with store.transaction() as writer:
        done = await writer.lock_run(run.id)
        settled = await writer.settled_aside(run, "actions", aside)
        if done:
            return settled
        await writer.lock_instruments(sorted({instrument_id for instrument_id, _ in known}))
        new, changed, touched = await writer.put_actions(distinct)
        await writer.keep_aside(run, "actions", aside)
        await writer.bump(touched)
        unchanged = len(known) - new - changed + len(settled)
        counts = Counts(len(known) + len(aside), new, unchanged, changed, len(aside) - len(settled))
        await writer.advance(run.id, counts)
        return settled


def _unlisted(number: int, symbol: str, action: CorporateAction) -> Rejected:
    row = {"symbol": symbol, "ex_date": action.ex_date, "kind": action.kind, "value": action.value}
    return Rejected(number, symbol, None, row, [UNKNOWN_INSTRUMENT])
