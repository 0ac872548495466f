"""CSV and Parquet files as sources of rows."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stock_analysis.domain.actions import ActionKind, CorporateAction
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.files import FileOptions, open_rows
from stock_analysis.ingest.listings import read_actions, read_instruments
from stock_analysis.ingest.rows import NO_TIME, RowBatch
from stock_analysis.kernels.quality import Defect
from stock_analysis.testing.builders import epoch

HEADER = "Date,Open,High,Low,Close,Volume\n"
ROW = "2020-01-02,1,2,0.5,1.5,100\n"


def csv(folder: Path, text: str, name: str = "AAPL.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def read(path: Path, **options: object) -> RowBatch:
    (batch,) = open_rows(path, FileOptions(**options)).batches()  # type: ignore[arg-type]  # by name
    return batch


def unparsable(batch: RowBatch) -> list[int]:
    assert set(batch.defects.tolist()) <= {0, Defect.UNPARSABLE}
    numbers: list[int] = batch.number[batch.defects != 0].tolist()
    return numbers


def test_a_plain_file_is_read_with_its_name_as_symbol(tmp_path: Path) -> None:
    source = open_rows(csv(tmp_path, HEADER + ROW), FileOptions())
    (batch,) = source.batches()
    assert (source.name, source.interval, source.rows_total) == ("AAPL.csv", Interval.D1, 1)
    assert (batch.symbols, batch.symbol.tolist(), batch.number.tolist()) == (["AAPL"], [0], [1])
    assert [column.tolist() for column in batch.bars.columns()] == [
        [epoch("2020-01-02")],
        [1],
        [2],
        [0.5],
        [1.5],
        [100],
    ]
    assert unparsable(batch) == []


def semicolons(folder: Path, *numbers: str, volume: str = "100") -> Path:
    rows = "".join(
        f"2020-01-{day:02};{one};{one};{one};{one};{volume}\n" for day, one in enumerate(numbers, 2)
    )
    return csv(folder, HEADER.replace(",", ";") + rows)


def test_a_decimal_comma_anywhere_makes_the_point_part_thousands_everywhere(tmp_path: Path) -> None:
    batch = read(semicolons(tmp_path, "1.050", "1.049,5", volume="12.345"))
    assert batch.bars.close.tolist() == [1050.0, 1049.5]
    assert batch.bars.volume.tolist() == [12345.0, 12345.0]
    assert batch.rows_as_read(np.array([0]))[0]["close"] == "1.050"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (("1,234", "5,678"), "like '1,234', which may be whole or have decimals: say --decimal-mark"),
        (("1.234", "5.678"), "like '1.234', which may be whole or have decimals: say --decimal-mark"),
        (("12,5", "12.5"), "like '12.5' and numbers like '12,5': say --decimal-mark"),
    ],
)
def test_a_file_whose_decimal_mark_cannot_be_told_is_refused_until_it_is_said(
    tmp_path: Path, numbers: tuple[str, ...], words: str
) -> None:
    path = semicolons(tmp_path, *numbers)
    with pytest.raises(InvalidInputError, match=words):
        open_rows(path, FileOptions())
    said = {mark: open_rows(path, FileOptions(decimal_mark=mark)) for mark in ("point", "comma")}
    assert said["point"].sha256 != said["comma"].sha256


def test_a_said_decimal_mark_is_taken(tmp_path: Path) -> None:
    path = semicolons(tmp_path, "1,234")
    assert read(path, decimal_mark="comma").bars.close.tolist() == [1.234]
    assert read(path, decimal_mark="point").bars.close.tolist() == [1234.0]


def test_thousands_that_no_mark_parts_tell_that_a_point_stands_before_decimals(tmp_path: Path) -> None:
    source = open_rows(semicolons(tmp_path, "1.234", volume="5678"), FileOptions())
    (batch,) = source.batches()
    assert batch.bars.close.tolist() == [1.234]
    assert next(one.value for one in source.stated if one.what == "decimal mark") == "point"


def test_where_commas_part_the_cells_a_quoted_comma_parts_thousands(tmp_path: Path) -> None:
    batch = read(csv(tmp_path, HEADER + '2020-01-02,"71,000","71,000","71,000","71,000","123,456"\n'))
    assert (batch.bars.close.tolist(), batch.bars.volume.tolist()) == ([71000.0], [123456.0])


def test_a_comma_that_comes_after_the_rows_that_were_looked_at_is_not_guessed(tmp_path: Path) -> None:
    rows = "2020-01-02;5;5;5;5;1\n" * 5000 + "2020-01-03;1,234;1,234;1,234;1,234;1\n"
    assert unparsable(read(csv(tmp_path, HEADER.replace(",", ";") + rows))) == [5001]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEADER + ROW,
        HEADER.replace(",", ";") + ROW.replace(",", ";"),
        HEADER.replace(",", "\t") + ROW.replace(",", "\t"),
        HEADER.replace(",", "|") + ROW.replace(",", "|"),
        "\n\n" + HEADER + ROW,
        HEADER + ROW.rstrip(),
        (HEADER + ROW).replace("\n", "\r\n"),
        HEADER + '"2020-01-02","1","2","0.5","1.5","100"\n',
        "date;open;high;low;close;volume\n02.01.2020;1,0;2,0;0,5;1,5;100\n13.01.2020;1;2;0,5;1,5;1\n",
        "<TICKER>,<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\nAAPL,20200102,1,2,0.5,1.5,100\n",
        "날짜,시가,고가,저가,종가,거래량\n" + ROW,
        "Symbol,Name,Date,Adj Close,Open,High,Low,Close,Volume\naapl,Apple,2020-01-02,9,1,2,0.5,1.5,100\n",
        "Close/Last,Volume,Open,High,Low,Date\n1.5,100,1,2,0.5,01/02/2020\n1.5,100,1,2,0.5,01/13/2020\n",
    ],
)
def test_files_of_many_makers_are_read_alike(tmp_path: Path, text: str) -> None:
    batch = read(csv(tmp_path, text))
    first = [column[0] for column in batch.bars.columns()]
    assert first == [epoch("2020-01-02"), 1.0, 2.0, 0.5, 1.5, 100.0]
    assert (batch.symbols, unparsable(batch)) == (["AAPL"], [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949", "utf-16"])
def test_korean_files_are_read_in_their_encodings(tmp_path: Path, encoding: str) -> None:
    text = "종목코드,종목명,일자,시가,고가,저가,종가,거래량\n005930,삼성전자,2020/01/02,1,2,0.5,1.5,100\n"
    batch = read(csv(tmp_path, text, "data.csv", encoding))
    assert (batch.symbols, batch.bars.close.tolist(), unparsable(batch)) == (["005930"], [1.5], [])


def test_a_file_in_an_old_western_encoding_is_read(tmp_path: Path) -> None:
    text = "symbol,date,open,high,low,close,volume,name\nAAPL,2020-01-02,1,2,0.5,1.5,100,caf\xe9 \xff\xfe\n"
    batch = read(csv(tmp_path, text, encoding="latin-1"))
    assert (batch.symbols, batch.bars.close.tolist(), unparsable(batch)) == (["AAPL"], [1.5], [])


def test_a_gzipped_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "AAPL.csv.gz"
    path.write_bytes(gzip.compress((HEADER + ROW).encode()))
    assert read(path).symbols == ["AAPL"]


def test_a_gzipped_file_that_was_cut_off_is_refused_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "AAPL.csv.gz"
    path.write_bytes(gzip.compress((HEADER + ROW * 5000).encode())[:-40])
    with pytest.raises(InvalidInputError, match="cannot be read"):
        open_rows(path, FileOptions())


def test_unreadable_cells_are_kept_as_they_are_and_spoil_their_own_row_only(tmp_path: Path) -> None:
    rows = [
        "2020-01-02,1,2,0.5,1.5,100",
        "2020-01-03,1,two,0.5,1.5,100",
        "soon,1,2,0.5,1.5,100",
        ",1,2,0.5,1.5,",
    ]
    batch = read(csv(tmp_path, HEADER + "\n".join(rows)))
    assert unparsable(batch) == [2, 3, 4]
    assert batch.bars.t.tolist() == [epoch("2020-01-02"), epoch("2020-01-03"), NO_TIME, NO_TIME]
    second, third = batch.rows_as_read(np.array([1, 2]))
    assert second == {
        "symbol": "AAPL",
        "session": "2020-01-03",
        "open": 1.0,
        "high": "two",
        "low": 0.5,
        "close": 1.5,
        "volume": 100.0,
    }
    assert third["session"] == "soon"


def test_lines_with_too_few_or_too_many_cells_keep_their_numbers(tmp_path: Path) -> None:
    rows = [
        "2020-01-02,1,2,0.5,1.5,100",
        "2020-01-03,1,2",
        ROW.strip() + ",1,2,3",
        "2020-01-06,1,2,0.5,1.5,100",
        "x",
    ]
    batch = read(csv(tmp_path, HEADER + "\n".join(rows)))
    assert batch.number.tolist() == [1, 2, 3, 4, 5]
    assert unparsable(batch) == [2, 3, 5]
    assert batch.bars.t[[0, 3]].tolist() == [epoch("2020-01-02"), epoch("2020-01-06")]
    assert batch.rows_as_read(np.array([1, 4])) == [{"line": "2020-01-03,1,2"}, {"line": "x"}]


def test_broken_lines_keep_their_numbers_across_blocks_and_batches(tmp_path: Path) -> None:
    lines = [f"2020-01-02,{row},{row},{row},{row},100" for row in range(1, 150_001)]
    broken = [1, 2, 7_000, 65_000, 99_999, 149_999, 150_000]
    for row in broken:
        lines[row - 1] = f"broken {row}"
    source = open_rows(csv(tmp_path, HEADER + "\n".join(lines)), FileOptions(batch_rows=7_000))
    number, close, bad, raw = [], [], [], []
    for batch in source.batches():
        number += batch.number.tolist()
        good = batch.defects == 0
        close += list(zip(batch.number[good].tolist(), batch.bars.close[good].tolist(), strict=True))
        bad += unparsable(batch)
        raw += batch.rows_as_read(np.flatnonzero(~good))
    assert number == list(range(1, 150_001))
    assert bad == broken
    assert raw == [{"line": f"broken {row}"} for row in broken]
    assert all(row == value for row, value in close)


def test_a_file_of_nothing_but_broken_lines_is_read(tmp_path: Path) -> None:
    assert unparsable(read(csv(tmp_path, HEADER + "x\ny\n"))) == [1, 2]


def test_a_file_with_only_a_header_has_no_rows(tmp_path: Path) -> None:
    source = open_rows(csv(tmp_path, HEADER), FileOptions())
    assert (list(source.batches()), source.rows_total) == ([], 0)


def test_times_of_day_make_bars_of_a_minute_on_the_exchanges_clock(tmp_path: Path) -> None:
    text = "datetime,open,high,low,close\n2024-01-02 09:30,1,2,0.5,1.5\n"
    source = open_rows(csv(tmp_path, text), FileOptions())
    (batch,) = source.batches()
    assert (source.interval, batch.naive, batch.bars.t.tolist()) == (
        Interval.M1,
        True,
        [epoch("2024-01-02T09:30")],
    )
    assert batch.bars.volume.tolist() == [0.0]


def test_date_and_time_may_stand_in_two_columns(tmp_path: Path) -> None:
    text = (
        "Date,Time,Open,High,Low,Close,Volume\n20240102,093000,1,2,0.5,1.5,1\n20240102,093100,1,2,0.5,1.5,1\n"
    )
    batch = read(csv(tmp_path, text))
    assert batch.bars.t.tolist() == [epoch("2024-01-02T09:30"), epoch("2024-01-02T09:31")]
    assert batch.rows_as_read(np.array([0]))[0]["ts"] == "20240102 093000"


def test_a_said_time_zone_or_an_offset_makes_utc(tmp_path: Path) -> None:
    plain = csv(tmp_path, "ts,open,high,low,close\n2024-07-02 09:30,1,2,0.5,1.5\n")
    batch = read(plain, timezone="Asia/Seoul")
    assert (batch.naive, batch.bars.t.tolist()) == (False, [epoch("2024-07-02T00:30")])
    zoned = csv(
        tmp_path, "ts,open,high,low,close\n2024-07-02 09:30-04:00,1,2,0.5,1.5\n2024-07-02 09:31,1,2,0.5,1\n"
    )
    batch = read(zoned)
    assert (batch.naive, batch.bars.t.tolist()) == (False, [epoch("2024-07-02T13:30"), NO_TIME])
    assert unparsable(batch) == [2]


def test_a_daily_bar_has_the_date_that_is_written_whatever_its_offset(tmp_path: Path) -> None:
    days = ["2024-07-02 00:00:00-04:00", "2024-01-02 00:00:00-05:00"]
    text = "Date,Open,High,Low,Close\n" + "".join(f"{day},1,2,0.5,1.5\n" for day in days)
    source = open_rows(csv(tmp_path, text), FileOptions())
    (batch,) = source.batches()
    assert source.interval is Interval.D1
    assert batch.bars.t.tolist() == [epoch("2024-07-02"), epoch("2024-01-02")]


def test_symbols_are_upper_case_and_an_impossible_one_spoils_its_row(tmp_path: Path) -> None:
    text = "symbol,date,open,high,low,close\n" + "".join(
        f"{one},2020-01-02,1,2,0.5,1.5\n" for one in ("aapl", "MSFT", "a b", "", "AAPL")
    )
    batch = read(csv(tmp_path, text))
    assert [batch.symbols[code] if code >= 0 else None for code in batch.symbol] == [
        "AAPL",
        "MSFT",
        None,
        None,
        "AAPL",
    ]
    assert unparsable(batch) == [3, 4]
    assert batch.rows_as_read(np.array([2]))[0]["symbol"] == "a b"


def test_a_said_symbol_wins_and_changes_the_fingerprint(tmp_path: Path) -> None:
    path = csv(tmp_path, "symbol,date,open,high,low,close\nAAPL,2020-01-02,1,2,0.5,1.5\n")
    said = open_rows(path, FileOptions(symbol="msft"))
    (batch,) = said.batches()
    assert batch.symbols == ["MSFT"]
    assert said.sha256 != open_rows(path, FileOptions()).sha256
    assert open_rows(path, FileOptions(batch_rows=5)).sha256 == open_rows(path, FileOptions()).sha256


def test_batches_have_the_size_that_was_asked_for(tmp_path: Path) -> None:
    source = open_rows(csv(tmp_path, HEADER + ROW * 25), FileOptions(batch_rows=10))
    assert [len(batch) for batch in source.batches()] == [10, 10, 5]


def parquet(folder: Path, **columns: object) -> Path:
    prices = {name: [1.0, 1.0] for name in ("open", "high", "low", "close", "volume")}
    pq.write_table(pa.table(prices | columns), folder / "AAPL.parquet")
    return folder / "AAPL.parquet"


def test_parquet_is_read_with_dates_and_dictionaries(tmp_path: Path) -> None:
    path = parquet(
        tmp_path,
        symbol=pa.array(["AAPL", "MSFT"]).dictionary_encode(),
        session=pa.array([18263, None], pa.date32()),
        close=pa.array([1.5, None]),
    )
    source = open_rows(path, FileOptions())
    (batch,) = source.batches()
    assert (source.interval, source.rows_total, batch.symbols) == (Interval.D1, 2, ["AAPL", "MSFT"])
    assert batch.bars.t.tolist() == [epoch("2020-01-02"), NO_TIME]
    assert np.isnan(batch.bars.close[1])
    assert unparsable(batch) == [2]


def test_parquet_instants_are_utc(tmp_path: Path) -> None:
    t = pa.array(
        [epoch("2024-01-02T14:30"), epoch("2024-01-02T14:31")], pa.timestamp("s", "America/New_York")
    )
    source = open_rows(parquet(tmp_path, ts=t), FileOptions())
    (batch,) = source.batches()
    assert (source.interval, batch.naive, batch.bars.t[0]) == (Interval.M1, False, epoch("2024-01-02T14:30"))


def test_daily_parquet_bars_have_the_date_of_their_own_zone(tmp_path: Path) -> None:
    t = pa.array([epoch("2024-01-01T15:00"), epoch("2024-01-02T15:00")], pa.timestamp("s", "Asia/Seoul"))
    source = open_rows(parquet(tmp_path, date=t), FileOptions())
    (batch,) = source.batches()
    assert (source.interval, batch.bars.t[0]) == (Interval.D1, epoch("2024-01-02"))


def test_parquet_of_several_row_groups_with_their_own_dictionaries_is_one(tmp_path: Path) -> None:
    names = [f"S{row % 40}" for row in range(1000)]
    table = pa.table(
        {"symbol": pa.array(names).dictionary_encode(), "date": pa.array(range(1000), pa.date32())}
        | {name: np.ones(1000) for name in ("open", "high", "low", "close", "volume")}
    )
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=130)
    found = []
    for batch in open_rows(tmp_path / "x.parquet", FileOptions(batch_rows=300)).batches():
        found += [batch.symbols[code] for code in batch.symbol]
    assert found == names


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("hello\nworld\n", "is not a table"),
        ("Date,Open,High,Low\n2020-01-02,1,2,3\n", "no column for close"),
        ("a,b\n1,2\n", "no column for the date, open, high, low, close"),
        ("Date,Open,High,Low,Close\n01/02/2020,1,2,1,2\n", "--date-order"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint) as caught:
        open_rows(csv(tmp_path, text), FileOptions())
    assert "\n" not in str(caught.value)


def test_a_broken_parquet_file_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InvalidInputError, match="not a Parquet file"):
        open_rows(tmp_path / "x.parquet", FileOptions())


def test_a_name_that_is_no_symbol_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="say --symbol"):
        open_rows(csv(tmp_path, HEADER + ROW, "my prices.csv"), FileOptions())


def test_instruments_are_read(tmp_path: Path) -> None:
    (one,) = read_instruments(csv(tmp_path, "symbol,name,exchange,currency\naapl,Apple,xnas,usd\n"))
    assert (one.symbol, one.name, one.exchange, one.currency, one.kind) == (
        "AAPL",
        "Apple",
        "XNAS",
        "USD",
        "stock",
    )


def test_an_instrument_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    path = csv(tmp_path, "symbol,name,exchange,currency,kind\nAAPL,Apple,XNAS,USD,fruit\n")
    with pytest.raises(InvalidInputError, match="fruit"):
        read_instruments(path)


def test_actions_are_read_and_those_that_are_none_are_rejected(tmp_path: Path) -> None:
    rows = ["2020-08-31,split,4", "2020-08-31,merger,4", "soon,split,4", "2020-08-31,split,-1"]
    text = "symbol,ex_date,kind,value\n" + "".join(f"AAPL,{row}\n" for row in rows)
    _, actions, rejected = read_actions(csv(tmp_path, text, "actions.csv"))
    ((symbol, action),) = actions
    assert symbol == "AAPL"
    assert (action.kind, action.value, str(action.ex_date)) == (ActionKind.SPLIT, 4.0, "2020-08-31")
    assert isinstance(action, CorporateAction)
    assert [row.row_number for row in rejected] == [2, 3, 4]
