"""The files of sample_data/: what the first start loads."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stock_analysis.domain.bars import IntArray
from stock_analysis.domain.calendars import load_calendar
from stock_analysis.kit.resources import resource

DAILY = ("sp500", "us_history", "samsung")
PRICES = ("open", "high", "low", "close")


def folder() -> Path:
    return Path(str(resource("sample_data")))


def bars(name: str) -> pa.Table:
    return pq.read_table(folder() / f"bars_{name}.parquet")


def epochs(table: pa.Table) -> IntArray:
    return np.asarray(table["session"].to_numpy().astype("datetime64[s]").astype(np.int64))


def out_of_order(table: pa.Table) -> int:
    o, h, low, c = (table[name].to_numpy() for name in PRICES)
    return int(((h < np.maximum(o, np.maximum(low, c))) | (low > np.minimum(o, np.minimum(h, c)))).sum())


def close(name: str, symbol: str, day: date) -> float:
    table = bars(f"1d_{name}")
    row = table.filter(pc.and_(pc.equal(table["symbol"], symbol), pc.equal(table["session"], day)))
    return float(row["close"][0].as_py())


@pytest.mark.parametrize(
    ("name", "symbol", "day", "price"),
    [
        ("us_history", "AAPL", date(2012, 9, 19), 702.10),
        ("us_history", "AAPL", date(2014, 6, 6), 645.57),
        ("us_history", "AAPL", date(2020, 8, 28), 499.23),
        ("us_history", "META", date(2012, 5, 18), 38.2318),
        ("us_history", "AMZN", date(2022, 6, 3), 2447.00),
        ("us_history", "IBM", date(2009, 11, 5), 123.10),
        ("samsung", "005930", date(2000, 1, 4), 305_500.0),
        ("samsung", "005930", date(2015, 7, 20), 1_275_000.0),
        ("samsung", "005930", date(2018, 4, 27), 2_650_000.0),
        ("samsung", "005930", date(2018, 5, 4), 51_900.0),
        ("sp500", "GE", date(2010, 8, 20), 15.03),
    ],
)
def test_closes_are_the_traded_ones(name: str, symbol: str, day: date, price: float) -> None:
    assert close(name, symbol, day) == pytest.approx(price, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "calendar", "rows", "broken", "no_session"),
    [
        ("sp500", "XNYS", 121_603, 78, 0),
        ("us_history", "XNYS", 28_225, 0, 0),
        # Its holidays follow the moon: 3 s to build on a quiet machine, more than 10 on a busy one.
        pytest.param("samsung", "XKRX", 6_268, 1, 99, marks=pytest.mark.timeout(60)),
    ],
)
def test_the_bad_rows_that_the_gate_must_find_are_known(
    name: str, calendar: str, rows: int, broken: int, no_session: int
) -> None:
    table = bars(f"1d_{name}")
    outside = ~load_calendar(calendar).is_session(epochs(table))
    assert (table.num_rows, out_of_order(table), int(outside.sum())) == (rows, broken, no_session)


def test_every_session_of_a_symbol_stands_once() -> None:
    keys = [key for name in DAILY for key in _keys(bars(f"1d_{name}"))]
    assert len(keys) == len(set(keys)) == 156_096


def _keys(table: pa.Table) -> list[tuple[str, int]]:
    return list(zip(table["symbol"].to_pylist(), epochs(table).tolist(), strict=True))


def test_every_symbol_is_an_instrument_and_every_instrument_has_bars() -> None:
    listed = pq.read_table(folder() / "instruments.parquet")["symbol"].to_pylist()
    tables = [bars(f"1d_{name}") for name in DAILY] + [bars("1m_es")]
    assert len(listed) == len(set(listed)) == 528
    assert set(listed) == {symbol for table in tables for symbol in pc.unique(table["symbol"]).to_pylist()}


def test_minutes_lie_within_the_sessions_of_their_exchange() -> None:
    t = bars("1m_es")["ts"].to_numpy().astype("datetime64[s]").astype(np.int64)
    assert len(t) == 2_264
    assert (load_calendar("CMES").session_index(t) >= 0).all()
    assert (np.diff(t) > 0).all()


def test_actions_are_those_known_to_have_happened() -> None:
    rows = pq.read_table(folder() / "actions.parquet").to_pylist()
    known = {(row["symbol"], row["ex_date"], row["kind"]): row["value"] for row in rows}
    assert len(rows) == len(known) == 246
    assert known["AAPL", date(2012, 8, 9), "dividend"] == 2.65
    assert known["AAPL", date(2014, 6, 9), "split"] == 7.0
    assert known["MSFT", date(2004, 11, 15), "dividend"] == 3.08
    assert known["NVDA", date(2013, 2, 26), "dividend"] == 0.075
    assert known["005930", date(2018, 5, 4), "split"] == 50.0
    assert known["005930", date(2017, 12, 27), "dividend"] == 21_500.0
    assert known["ETFC", date(2010, 6, 2), "split"] == 0.1


def test_the_notice_names_every_file_of_bars() -> None:
    notice = (Path(__file__).parents[3] / "NOTICE").read_text(encoding="utf-8")
    assert [path.name for path in folder().glob("bars_*.parquet") if path.name not in notice] == []


def test_the_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in folder().glob("*.parquet")) < 4_000_000
