"""Bars and indicators out of a snapshot: what the endpoints answer, without HTTP."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import numpy as np
import structlog

from stock_analysis.domain.bars import Adjustment, FloatArray, Hours, IntArray, Interval
from stock_analysis.domain.calendars import load_calendar
from stock_analysis.domain.errors import InvalidInputError, UnavailableError
from stock_analysis.kernels import indicators
from stock_analysis.stock.accepted import Accepted, accepted_bars
from stock_analysis.stock.ports import BarStore, Snapshot
from stock_analysis.stock.series import Series, periods, series
from stock_analysis.stock.window import Window

log = structlog.get_logger(__name__)

MAX_INDICATORS = 20


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of a window with indicators over them. outputs: by canonical spec, then by output name."""

    series: Series
    indicators: Mapping[str, tuple[str, Mapping[str, FloatArray]]]
    notes: Mapping[str, "Note | None"]
    has_earlier: bool
    accepted: Accepted


def parse_indicators(specs: Sequence[str]) -> list[indicators.Request]:
    """The indicators asked for, each once. Raises InvalidInputError for a wrong one, or too many."""
    if len(specs) > MAX_INDICATORS:
        raise InvalidInputError(f"at most {MAX_INDICATORS} indicators in one request, not {len(specs)}")
    try:
        requests = [indicators.parse(spec) for spec in specs]
    except indicators.IndicatorError as error:
        raise InvalidInputError(str(error)) from error
    return list({request.text: request for request in requests}.values())


def draw(
    snapshot: Snapshot,
    interval: Interval,
    adjustment: Adjustment,
    window: Window,
    requests: Sequence[indicators.Request],
    hours: Hours = Hours.REGULAR,
) -> Chart:
    """The bars of the window, and the indicators computed over the whole history up to it.

    Indicators see every bar from the first one stored, so that a value does not depend on where the
    window begins: docs/adr/0003.
    """
    every = series(snapshot, interval, adjustment, hours)
    rows = window.select(every.bars.t, snapshot.listing.timezone, sessions=not interval.is_intraday)
    history = every.bars[: rows.stop]
    columns = {name: getattr(history, name) for name in indicators.COLUMNS}

    def period(request: indicators.Request) -> IntArray:
        anchor = indicators.ANCHORS[int(request.parameters["anchor"])]
        return periods(snapshot, interval, history.t, anchor, int(request.parameters["start"]))

    found = {
        request.text: (
            request.indicator.name,
            {name: values[rows] for name, values in indicators.compute(request, columns, period).items()},
        )
        for request in requests
    }
    notes = {one.text: _note(one, interval, columns, rows) for one in requests}
    accepted = accepted_bars(snapshot, interval, hours, every.bars.t, rows)
    return Chart(every[rows], found, notes, rows.start > 0, accepted)


class Note(StrEnum):
    """What to know of an indicator's values before trusting them."""

    FLAT_INPUT = "flat_input"
    TYPICAL_PRICE = "typical_price"


def _note(
    request: indicators.Request, interval: Interval, columns: Mapping[str, FloatArray], rows: slice
) -> Note | None:
    """FLAT_INPUT: no input moved in the window or the warm-up before it. TYPICAL_PRICE: VWAP of one bar."""
    if request.indicator.function is None:
        one_bar = request.parameters["anchor"] == 0 and not interval.is_intraday
        return Note.TYPICAL_PRICE if one_bar else None
    used = [columns[name] for name in request.inputs.values() if name != "volume"]
    span = slice(max(0, rows.start - request.warm_up), rows.stop)
    flat = used and all(_is_flat(column[span]) for column in used)
    return Note.FLAT_INPUT if flat else None


def _is_flat(column: FloatArray) -> bool:
    """Whether no value differs; most columns are told apart by their ends, without looking at the rest."""
    return len(column) > 1 and bool(column[0] == column[-1]) and bool(np.ptp(column) == 0)


async def warm_calendars(store: BarStore) -> None:
    """Build the calendars of the stored instruments ahead of the first request for weeks or months.

    Returns once that has begun: in a thread that a stopping process does not wait for, as it would for
    those of asyncio.
    """
    try:
        names = await store.calendars()
    except UnavailableError as error:
        log.warning("calendars not warmed", reason=str(error))
        return
    threading.Thread(target=lambda: [load_calendar(name) for name in names], daemon=True).start()


def last_closed_session(calendar: str, now: float) -> date | None:
    """Date of the newest session that has ended at an instant, in epoch seconds."""
    session = load_calendar(calendar).last_closed(now)
    return None if session is None else session_date(session)


def session_date(t: int) -> date:
    """The date of a session that is told as epoch seconds of its 00:00 UTC."""
    return datetime.fromtimestamp(t, UTC).date()


def available_intervals(bars: Mapping[str, int]) -> list[Interval]:
    """The intervals that stored bars can be read in."""
    return [one for one in Interval if bars["1m"] or (bars["1d"] and not one.is_intraday)]


def describe(item: indicators.Indicator) -> dict[str, Any]:
    """An entry of the catalogue, as the contract describes it."""
    return {
        "name": item.name,
        "display_name": item.display_name,
        "group": item.group,
        "overlay": item.overlay,
        "inputs": dict(item.inputs),
        "parameters": [_describe_parameter(parameter) for parameter in item.parameters],
        "outputs": [asdict(output) for output in item.outputs],
        "warm_up": item.warm_up,
    }


def _describe_parameter(parameter: indicators.Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "type": parameter.type,
        "default": parameter.default,
        "min": parameter.min,
        "max": parameter.max,
        "help": parameter.help,
        "choices": [{"value": value, "label": label} for value, label in parameter.choices.items()],
    }
