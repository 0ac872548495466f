"""How a file is read, said before its first row lands: each point given by the user, or assumed and why."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from stock_analysis.domain.bars import Interval
from stock_analysis.domain.currencies import minor_unit
from stock_analysis.domain.instruments import Exchange
from stock_analysis.ingest.columns import Columns
from stock_analysis.ingest.forms import ADJUSTED_CLOSE, Adjusted
from stock_analysis.ingest.guesses import Sample, Times
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.numbers import DecimalMark, parse_number
from stock_analysis.ingest.rows import Listed, Stated
from stock_analysis.ingest.tables import Table
from stock_analysis.ingest.terms import TERMS

_ORDERS = {"ymd": "year first", "dmy": "day first", "mdy": "month first"}


def describe(
    columns: Columns,
    times: Times,
    table: Table,
    mark: DecimalMark | None,
    sample: Sample,
    said: "Said",
    symbol: str | None,
) -> list[Stated]:
    """What can be said of a file by itself; exchange, currency and zone follow from its instruments."""
    form = columns.form
    found = [Stated("form", form.name if form else "plain table", why="its header")]
    if table.skipped:
        found.append(
            Stated("skipped", f"{len(table.skipped)} lines: {' | '.join(table.skipped)}", why="no header")
        )
    by = "the column" if symbol is None else "the file's name"
    found.append(Stated("symbol", symbol or "of each row", said.symbol is not None, by))
    found.append(Stated("interval", str(times.interval), said.interval is not None, times.interval_why))
    found.append(Stated("dates", _ORDERS[times.order], said.date_order is not None, times.order_why))
    if times.interval is Interval.D1 and times.have_offset:
        means = "dates, as written" if times.are_dates else "instants, on the exchange's clock"
        found.append(
            Stated("times", means, why="all are midnight" if times.are_dates else "not all are midnight")
        )
    if said.timezone is not None:
        found.append(Stated("time zone", said.timezone, given=True))
    if mark is not None and table.delimiter is not None:
        found.append(Stated("decimal mark", mark, said.decimal_mark is not None, "the numbers"))
    found.append(_adjusted(columns, sample, said.adjusted))
    used = [f"{name} = {table.names[place] or '(no name)'}" for name, place in columns.places.items()]
    found.append(Stated("columns", ", ".join(used), bool(columns.given), "their headings"))
    if "volume" not in columns.places:
        found.append(Stated("volume", "none: new bars have 0", "volume" in columns.given, "no such column"))
    if columns.ignored:
        labels = (f"{name} (money)" if name in columns.money else name for name in columns.ignored)
        found.append(Stated("ignored", ", ".join(labels), why="not needed"))
    return found


class Said(Protocol):
    """What describe() needs of the options of a file."""

    @property
    def symbol(self) -> str | None:
        """Of all rows."""
        ...

    @property
    def interval(self) -> Interval | None:
        """Of the bars."""
        ...

    @property
    def timezone(self) -> str | None:
        """Of times without an offset."""
        ...

    @property
    def date_order(self) -> str | None:
        """Of dates in numbers."""
        ...

    @property
    def decimal_mark(self) -> DecimalMark | None:
        """Of numbers."""
        ...

    @property
    def adjusted(self) -> Adjusted | None:
        """Terms of the prices."""
        ...


def _adjusted(columns: Columns, sample: Sample, said: Adjusted | None) -> Stated:
    if said is not None:
        return Stated("prices", TERMS[said], given=True)
    check = adjusted_close_says(sample)
    if columns.form is not None and columns.form.adjusted is not None:
        why = f"{columns.form.name} gives them so" + (f"; {check}" if check else "")
        return Stated("prices", TERMS[columns.form.adjusted], why=why)
    return Stated("prices", TERMS["none"], why=check or "nothing says otherwise")


def adjusted_close_says(sample: Sample) -> str:
    """What a column of adjusted closes tells beside the closes, in words; empty where there is none."""
    closes, adjusted = sample.get("close", []), sample.get(ADJUSTED_CLOSE, [])
    ratio = _ratios(closes, adjusted)
    if not len(ratio):
        return ""
    if np.abs(ratio - 1).max() <= _SAME:
        return "adjusted close equals close: nothing is left to adjust"
    return (
        f"adjusted close is {ratio.min():.4g} to {ratio.max():.4g} of close: dividends are not in the prices"
    )


_SAME = 1e-4


def _ratios(closes: Sequence[str], adjusted: Sequence[str]) -> "np.typing.NDArray[np.float64]":
    pairs = [(parse_number(one), parse_number(other)) for one, other in zip(closes, adjusted, strict=False)]
    found = [b / a for a, b in pairs if a and b and np.isfinite(a) and np.isfinite(b)]
    return np.array(found, np.float64)


def describe_instruments(
    listed: Sequence[Listed], created: Collection[str], listing: Listing, exchanges: Mapping[str, Exchange]
) -> list[Stated]:
    """Exchange, currency and clock of the instruments read so far, told once where all share them."""
    new = [one for one in listed if one.symbol in created]
    why = listing.place(new[0].symbol, exchanges).because if new else ""
    known = not new
    places = _told(f"{one.exchange}, {exchanges[one.exchange].name}" for one in listed)
    zones = _told(exchanges[one.exchange].timezone for one in listed)
    moneys = _told(_money(one.currency) for one in listed)
    return [
        Stated("exchange", places, known or listing.exchange is not None, why),
        Stated("currency", moneys, known or listing.currency is not None, "the exchange's"),
        Stated("exchange clock", zones, known or listing.exchange is not None, "the exchange's"),
    ]


def _told(values: Iterable[str]) -> str:
    counts = Counter(values)
    shown = [value if len(counts) == 1 else f"{value} ({count})" for value, count in counts.most_common(3)]
    return "; ".join(shown) + ("; ..." if len(counts) > len(shown) else "")


def _money(currency: str) -> str:
    unit = minor_unit(currency)
    return f"{currency}, {unit.name}: {unit.per_major} are 1 {unit.major}" if unit else currency
