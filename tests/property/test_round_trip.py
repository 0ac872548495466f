"""Any stored series, exported in any form and read back, is the same series or a question, never another."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stock_analysis.domain.bars import PRICE_COLUMNS, Interval
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.files import FileOptions, open_rows
from stock_analysis.ingest.forms import FORMS
from stock_analysis.ingest.gate import to_utc

DAY = timedelta(days=1)
NEW_YORK, SEOUL = "America/New_York", "Asia/Seoul"
SERIAL_ZERO = datetime(1899, 12, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Bar:
    """One bar: midnight of its session, its instant in UTC, or the hands of a clock at it, all as if UTC."""

    when: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


def grouped(mark: str, point: str = ".") -> Callable[[Decimal], str]:
    return lambda number: f"{number:,f}".translate(str.maketrans(",.", mark + point))


def plain(number: Decimal) -> str:
    return f"{number:f}"


def indian(number: Decimal) -> str:
    whole, point, rest = f"{number:f}".partition(".")
    head, tail = whole[:-3], whole[-3:]
    pairs = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)][::-1]
    return ",".join([*pairs, tail]) + point + rest


def around(before: str, style: Callable[[Decimal], str], after: str = "") -> Callable[[Decimal], str]:
    return lambda number: f"{before}{style(number)}{after}"


def short(number: Decimal) -> str:
    """12.30M as investing.com writes it: two decimals of the greatest unit."""
    power, unit = next((one for one in ((9, "B"), (6, "M"), (3, "K")) if number >= 10 ** one[0]), (3, "K"))
    return f"{number.scaleb(-power):.2f}{unit}"


def korean(number: Decimal) -> str:
    """12억 3,456만 7,890: whole, in parts of four digits."""
    rest, parts = int(number), list[str]()
    for size, unit in ((10**12, "조"), (10**8, "억"), (10**4, "만"), (1, "")):
        if rest >= size:
            parts.append(f"{rest // size:,}{unit}")
            rest %= size
    return " ".join(parts) or "0"


def in_days(when: datetime) -> str:
    days = (when - SERIAL_ZERO) / DAY
    return f"{days:.0f}" if days % 1 == 0 else repr(days)


def ticks(power: int) -> Callable[[datetime], str]:
    return lambda when: str(int(when.timestamp()) * 10**power)


def dated(style: str) -> Callable[[datetime], str]:
    return lambda when: when.strftime(style)


def iso(when: datetime) -> str:
    return when.date().isoformat()


def zoned(zone: str) -> Callable[[datetime], str]:
    return lambda when: when.astimezone(ZoneInfo(zone)).isoformat(sep=" ")


@dataclass(frozen=True)
class Export:
    """A form as a program writes it.

    header: headings with what stands below them, a field of a bar or a text. clock: the zone whose clock the
    times are on, None where they say their zone themselves. rounded: whether volumes keep two decimals of a
    unit. options: what answers a question about the file.
    """

    name: str
    header: str
    when: Callable[[datetime], str] = iso
    number: Callable[[Decimal], str] = plain
    volume: Callable[[Decimal], str] = plain
    delimiter: str = ","
    encoding: str = "utf-8"
    before: str = ""
    newest_first: bool = False
    places: int = 2
    clock: str | None = "UTC"
    rounded: bool = False
    options: tuple[tuple[str, str], ...] = ()

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Heading and content."""
        return [(one.partition("=")[0], one.partition("=")[2]) for one in self.header.split("|")]

    def write(self, bars: Sequence[Bar]) -> bytes:
        output = io.StringIO()
        lines = csv.writer(output, delimiter=self.delimiter, lineterminator="\r\n")
        lines.writerow([heading for heading, _ in self.columns])
        for bar in reversed(bars) if self.newest_first else bars:
            lines.writerow([self._cell(bar, content) for _, content in self.columns])
        return (self.before + output.getvalue()).encode(self.encoding)

    def _cell(self, bar: Bar, content: str) -> str:
        if content == "when":
            return self.when(bar.when)
        if content == "volume":
            return self.volume(Decimal(bar.volume))
        if content in PRICE_COLUMNS:
            return self.number(getattr(bar, content))
        return bar.when.strftime(content) if content.startswith("%") else content


OHLCV = "Date=when|Open=open|High=high|Low=low|Close=close|Volume=volume"
KOREAN = "일자=when|시가=open|고가=high|저가=low|종가=close|거래량=volume"
MONTH_FIRST, DAY_FIRST = (("date_order", "mdy"),), (("date_order", "dmy"),)
FRENCH = Export(
    "French", OHLCV, dated("%d/%m/%Y"), grouped("\u202f", ","), grouped("\u202f", ","), ";",
    options=(("date_order", "dmy"), ("decimal_mark", "comma")),
)  # fmt: skip
GERMAN = replace(FRENCH, name="German", number=grouped(".", ","), volume=grouped(".", ","))

DAILY = [
    Export(
        "investing.com",
        "Date=when|Price=close|Open=open|High=high|Low=low|Vol.=volume|Change %=-0.61%",
        dated("%m/%d/%Y"), grouped(","), short, rounded=True, newest_first=True, encoding="utf-8-sig",
        options=MONTH_FIRST,
    ),
    Export(
        "investing.com (Korean)",
        "날짜=when|종가=close|시가=open|고가=high|저가=low|거래량=volume|변동 %=0.10%",
        dated("%Y- %m- %d"), grouped(","), short, rounded=True, newest_first=True, encoding="utf-8-sig",
    ),
    Export(
        "Nasdaq", "Date=when|Close/Last=close|Volume=volume|Open=open|High=high|Low=low",
        dated("%m/%d/%Y"), around("$", plain), newest_first=True, options=MONTH_FIRST,
    ),
    Export(
        "Stooq",
        "<TICKER>=ACME|<PER>=D|<DATE>=when|<TIME>=000000|<OPEN>=open|<HIGH>=high|<LOW>=low|<CLOSE>=close"
        "|<VOL>=volume|<OPENINT>=0",
        dated("%Y%m%d"), places=4,
    ),
    Export("Yahoo", f"{OHLCV.replace('|Volume', '|Adj Close=close|Volume')}", places=6),
    Export(
        "Alpha Vantage", "date=when|1. open=open|2. high=high|3. low=low|4. close=close|5. volume=volume",
        places=4, newest_first=True,
    ),
    Export(
        "Alpha Vantage, adjusted",
        "timestamp=when|open=open|high=high|low=low|close=close|adjusted_close=close|volume=volume"
        "|dividend_amount=0.0000|split_coefficient=1.0",
        places=4, newest_first=True,
    ),
    Export(
        "KRX data portal",
        "일자=when|종가=close|대비=-100|등락률=-0.14|시가=open|고가=high|저가=low|거래량=volume|거래대금=1"
        "|시가총액=1|상장주식수=1",
        dated("%Y/%m/%d"), encoding="cp949", places=0, newest_first=True,
    ),
    Export(
        "Naver", "날짜=when|종가=close|전일비=상승 100|시가=open|고가=high|저가=low|거래량=volume",
        dated("%Y.%m.%d"), grouped(","), grouped(","), places=0, newest_first=True,
    ),
    Export("pandas", OHLCV.removeprefix("Date"), places=12),
    Export(
        "Excel, Swiss", OHLCV, dated("%d.%m.%Y"), grouped("'"), grouped("'"), ";", "utf-8-sig", "sep=;\r\n",
        options=DAY_FIRST,
    ),
    Export(
        "Excel, Swiss of Windows", OHLCV, dated("%d.%m.%Y"), grouped("\u2019"), grouped("\u2019"), ";",
        encoding="cp1252", options=DAY_FIRST,
    ),
    FRENCH,
    replace(FRENCH, name="French of Windows", number=around("", grouped("\u00a0", ","), " €"),
            volume=grouped("\u00a0", ","), encoding="cp1252"),
    GERMAN,
    replace(GERMAN, name="German, whole numbers", places=0),
    Export("Indian", OHLCV, dated("%d-%b-%Y"), around("₹", indian), indian, before="ACME Ltd,,,,,\r\n\r\n"),
    Export("Japanese", "日付=when|始値=open|高値=high|安値=low|終値=close|出来高=volume", dated("%Y/%m/%d"),
           grouped(","), grouped(","), encoding="cp932", places=1),
    Export("Chinese", "日期=when|开盘=open|最高=high|最低=low|收盘=close|成交量=volume", encoding="gb18030"),
    Export("Korean units", KOREAN, dated("%Y년 %m월 %d일"), around("", grouped(","), "원"), korean, places=0),
    Export("Excel, Unicode text", OHLCV, in_days, delimiter="\t", encoding="utf-16"),
    Export("British", OHLCV, dated("%d %b %Y"), around("£", grouped(",")), encoding="cp1252"),
    Export("epoch", OHLCV, ticks(0)),
    Export("epoch, ms", OHLCV, ticks(3), places=8),
]  # fmt: skip

MINUTES = [
    Export("compact", OHLCV, dated("%Y%m%d%H%M"), clock=NEW_YORK),
    Export("compact, Seoul", KOREAN, dated("%Y%m%d%H%M%S"), places=0, clock=SEOUL, encoding="cp949"),
    Export("two columns", OHLCV.replace("|Open", "|Time=%H:%M|Open"), dated("%Y.%m.%d"), clock=NEW_YORK),
    Export("American", OHLCV, dated("%m/%d/%Y %I:%M %p"), options=MONTH_FIRST, clock=NEW_YORK),
    Export("zoned", OHLCV, zoned(NEW_YORK), clock=None),
    Export("UTC", OHLCV, dated("%Y-%m-%dT%H:%M:%SZ"), clock=None, newest_first=True),
    Export("serial", OHLCV, in_days, delimiter=";", number=grouped("'"), clock=NEW_YORK),
    *(Export(f"epoch, 10^{power}", OHLCV, ticks(power), clock=None) for power in (0, 3, 6, 9)),
]


@st.composite
def sessions(draw: st.DrawFn) -> list[datetime]:
    day = draw(st.dates(date(1990, 1, 1), date(2030, 1, 1)))
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 3]), max_size=12))
    days = [day + sum(steps[:count]) * DAY for count in range(len(steps) + 1)]
    open_days = [one for one in days if one.weekday() < 5] or [day - 2 * DAY]
    return [datetime.combine(one, time(), UTC) for one in open_days]


@st.composite
def instants(draw: st.DrawFn) -> list[datetime]:
    """Minutes around noon in New York, which are around midnight in Seoul."""
    day = draw(st.dates(date(2000, 1, 1), date(2030, 1, 1)))
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 17]), min_size=1, max_size=12))
    start = datetime.combine(day, time(14), UTC) + draw(st.integers(0, 120)) * timedelta(minutes=1)
    return [start + sum(steps[:count]) * timedelta(minutes=1) for count in range(len(steps) + 1)]


@st.composite
def series(draw: st.DrawFn, times: st.SearchStrategy[list[datetime]], places: int) -> list[Bar]:
    """Bars of one instrument, at the height of a penny stock or of an index."""
    height = draw(st.sampled_from([1, 10, 1000, 100_000]))
    price = st.integers(1, height * 10**places).map(lambda one: Decimal(one).scaleb(-places))
    volume = st.integers(0, 10 ** draw(st.integers(1, 11)))
    found = []
    for when in draw(times):
        low, open_, close, high = sorted(draw(st.tuples(price, price, price, price)))
        found.append(Bar(when, open_, high, low, close, draw(volume)))
    return found


def read(path: Path, form: Export, interval: Interval) -> list[tuple[float, ...]]:
    """What the file means, oldest first; where it asks, its options answer."""
    try:
        source = open_rows(path, FileOptions())
    except InvalidInputError as question:
        asked = {
            name: value for name, value in form.options if f"--{name.replace('_', '-')}" in str(question)
        }
        if not asked:
            pytest.fail(f"no option of {form.name} answers: {question}")
        source = open_rows(path, FileOptions(**dict(form.options)))  # type: ignore[arg-type]  # by name
    assert source.interval is interval
    found = []
    for batch in source.batches():
        assert not batch.defects.any(), batch.rows_as_read(np.flatnonzero(batch.defects))
        t = to_utc(batch.bars.t, form.clock or "UTC") if batch.naive else batch.bars.t
        assert batch.naive == (form.clock is not None and interval is Interval.M1)
        found += list(
            zip(t.tolist(), *(getattr(batch.bars, one).tolist() for one in PRICE_COLUMNS), strict=True)
        )
    return sorted(found)


def check(folder: Path, form: Export, bars: Sequence[Bar], interval: Interval) -> None:
    clock = form.clock or "UTC"
    told = [replace(bar, when=_on_clock(bar.when, clock)) for bar in bars]
    path = folder / "ACME.csv"
    path.write_bytes(form.write(told))
    got = read(path, form, interval)
    for row, bar in zip(got, bars, strict=True):
        prices = [float(getattr(bar, one)) for one in PRICE_COLUMNS[:4]]
        assert row[:5] == (bar.when.timestamp(), *prices)
        slack = max(bar.volume, 1000) * 0.005 if form.rounded else 0
        assert abs(row[5] - bar.volume) <= slack


def _on_clock(when: datetime, zone: str) -> datetime:
    return when.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)


few = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(data=st.data())
@pytest.mark.parametrize("form", DAILY, ids=lambda form: form.name)
def test_sessions_come_back_from_every_form(tmp_path: Path, form: Export, data: st.DataObject) -> None:
    check(tmp_path, form, data.draw(series(sessions(), form.places)), Interval.D1)


@few
@given(data=st.data())
@pytest.mark.parametrize("form", MINUTES, ids=lambda form: form.name)
def test_minutes_come_back_from_every_form(tmp_path: Path, form: Export, data: st.DataObject) -> None:
    check(tmp_path, form, data.draw(series(instants(), form.places)), Interval.M1)


@pytest.mark.parametrize("known", FORMS, ids=lambda form: form.name)
def test_every_form_by_name_is_exported_here_with_its_own_headings(known: object) -> None:
    (form,) = (one for one in DAILY if one.name == known.name)  # type: ignore[attr-defined]  # a Form
    assert {heading.lower() for heading, _ in form.columns} == known.headings  # type: ignore[attr-defined]  # a Form
