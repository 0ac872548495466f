"""Files in the forms that people export, each with the bars it means."""

import csv
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stock_analysis.domain.bars import Bars, Interval
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.files import FileOptions, FileRows, open_rows
from stock_analysis.ingest.forms import FORMS
from stock_analysis.ingest.rows import RowBatch

CASES = Path(__file__).parents[2] / "data" / "imports"
DAYS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]
CLOSES = [1210, 1218.75, 1225, 1238.5, 1241.25]
VOLUMES = [12_300_000, 9_870_000, 1_530_000, 452_100, 12_000]


def read(path: Path, **options: object) -> tuple[FileRows, RowBatch]:
    rows = open_rows(path, FileOptions(**options))  # type: ignore[arg-type]  # by name
    (batch,) = rows.batches()
    return rows, batch


def oldest_first(batch: RowBatch) -> Bars:
    assert not batch.defects.any()
    return batch.bars[np.argsort(batch.bars.t)]


def days(bars: Bars) -> list[str]:
    return [str(day) for day in bars.t.astype("datetime64[s]").astype("datetime64[D]")]


def write(folder: Path, text: str, name: str = "ACME.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "name",
    [
        "01-investing/INVA.csv",
        "02-volume-heads/VOLDOT.csv",
        "02-volume-heads/VOLM.csv",
        "03-dollar/DOLR.csv",
        "04-european/SWISS.csv",
        "04-european/FRSP.csv",
        "05-excel/SEPL.csv",
        "05-excel/TITLE.csv",
        "05-excel/SERIAL.csv",
    ],
)
def test_every_form_of_the_same_week_means_the_same_bars(name: str) -> None:
    _, batch = read(CASES / name)
    bars = oldest_first(batch)
    assert days(bars) == DAYS
    assert bars.close.tolist() == CLOSES
    assert bars.open.tolist() == [1200.5, 1210, 1218, 1225, 1238]
    assert bars.high.tolist() == [1215, 1222, 1230, 1240, 1245]
    assert bars.low.tolist() == [1190.25, 1205, 1211, 1220, 1230]
    assert bars.volume.tolist() == VOLUMES


def test_the_reading_names_the_form_the_order_of_dates_and_what_is_ignored() -> None:
    rows, _ = read(CASES / "01-investing/INVA.csv")
    said = {one.what: one for one in rows.stated}
    assert said["form"].value == "investing.com"
    assert (said["dates"].value, said["dates"].given) == ("month first", False)
    assert said["ignored"].value == "Change %"
    assert "close = Price" in said["columns"].value
    given, _ = read(CASES / "01-investing/INVA.csv", date_order="mdy", adjusted="none")
    said = {one.what: one for one in given.stated}
    assert said["dates"].given
    assert (said["prices"].value, said["prices"].given) == ("as traded", True)


def test_lines_before_the_header_are_skipped_and_said() -> None:
    rows, _ = read(CASES / "05-excel/TITLE.csv")
    assert next(one.value for one in rows.stated if one.what == "skipped").endswith("ACME daily prices;;;;;")


LINE = "2024-01-02,1,2,0.5,1.5,{}\n2024-01-03,1,2,0.5,1.5,{}\n"


@pytest.mark.parametrize(
    ("heading", "cell", "volume"),
    [
        ("Vol", "12.30M", 12_300_000),
        ("VOLUME", "1.2B", 1_200_000_000),
        ("거래량", "1.2만", 12_000),
        ("거래량", "3억", 300_000_000),
        ("거래량", "1조 2억 3만", 1_000_200_030_000),
        ("volume (shares)", "5k", 5000),
        ("<VOL>", "7", 7),
        ("5. volume", "8", 8),
        ("Volume ACME", "9", 9),
        ("成交量", "10", 10),
    ],
)
def test_volumes_are_read_under_many_headings_and_with_units(
    tmp_path: Path, heading: str, cell: str, volume: float
) -> None:
    text = f"Date,Open,High,Low,Close,{heading}\n" + LINE.format(cell, cell)
    _, batch = read(write(tmp_path, text))
    assert oldest_first(batch).volume.tolist() == [volume, volume]


@pytest.mark.parametrize(
    "heading", ["Volume USD", "Turnover", "거래대금", "Vol(qty)", "Traded Qty", "Volume (USDT)", "Umsatz"]
)
def test_a_column_that_may_be_a_volume_is_a_question_that_an_option_answers(
    tmp_path: Path, heading: str
) -> None:
    path = write(tmp_path, f"Date,Open,High,Low,Close,{heading}\n" + LINE.format(5, 6))
    with pytest.raises(InvalidInputError, match="--column volume=none"):
        open_rows(path, FileOptions())
    _, batch = read(path, columns=(("volume", heading),))
    assert (batch.has_volume, oldest_first(batch).volume.tolist()) == (True, [5, 6])
    rows, batch = read(path, columns=(("volume", "none"),))
    assert not batch.has_volume
    assert next(one for one in rows.stated if one.what == "volume").given


def test_turnover_beside_a_volume_is_ignored_and_named_as_money(tmp_path: Path) -> None:
    path = write(tmp_path, "Date,Open,High,Low,Close,Volume,Volume USD\n2024-01-02,1,2,0.5,1.5,7,99\n")
    rows, batch = read(path)
    assert batch.bars.volume.tolist() == [7]
    assert next(one.value for one in rows.stated if one.what == "ignored") == "Volume USD (money)"


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("$1,241.25", 1241.25),
        ("US$1241.25", 1241.25),
        ("₩1,241", 1241),
        ("1241.25 USD", 1241.25),
        ("1,241원", 1241),
        ("1'241.25", 1241.25),
        ("1\u2019241.25", 1241.25),
        ("1 241.25", 1241.25),
        ("1\u00a0241.25", 1241.25),
        ("1\u202f241.25", 1241.25),
        ("12,34,567.25", 1234567.25),
        ("-$14.5", -14.5),
        ("(14.5)", -14.5),
        ("\u221214.5", -14.5),
    ],
)
def test_numbers_of_the_world_are_read(tmp_path: Path, cell: str, value: float) -> None:
    path = write(tmp_path, f'Date;Open;High;Low;Close;Volume\n2024-01-02;1.5;2.5;0.5;"{cell}";1\n')
    _, batch = read(path, decimal_mark="point")
    assert batch.bars.close.tolist() == [value]
    assert not batch.defects.any()


@pytest.mark.parametrize(
    "cell", ["12,34.5", "1 23", "1''234", "12M5", "5K3M", "$", "1.2.3", "12..5", "M", "1 234,5"]
)
def test_what_is_no_number_stays_unreadable(tmp_path: Path, cell: str) -> None:
    path = write(tmp_path, f'Date;Open;High;Low;Close;Volume\n2024-01-02;1.5;2.5;0.5;"{cell}";1\n')
    _, batch = read(path, decimal_mark="point")
    assert batch.defects.tolist() == [1]


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("202401120930", "2024-01-12T09:30:00"),
        ("20240112093015", "2024-01-12T09:30:15"),
        ("199912311559", "1999-12-31T15:59:00"),
        ("1704205800", "2024-01-02T14:30:00"),
        ("1704205800.25", "2024-01-02T14:30:00"),
        ("1704205800000", "2024-01-02T14:30:00"),
        ("1704205800000000", "2024-01-02T14:30:00"),
        ("1704205800000000000", "2024-01-02T14:30:00"),
        ("45293.395833333336", "2024-01-02T09:30:00"),
        ("999999999999", "2001-09-09T01:46:39"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_times_in_digits_mean_what_they_can_only_mean(
    tmp_path: Path, cell: str, moment: str, kind: str
) -> None:
    if kind == "csv":
        path = write(tmp_path, f"timestamp,Open,High,Low,Close,Volume\n{cell},1,2,0.5,1.5,1\n")
    else:
        number = float(cell) if "." in cell else int(cell)
        columns = {"timestamp": [number], "open": [1.0], "high": [2.0], "low": [0.5], "close": [1.5]}
        path = tmp_path / "ACME.parquet"
        pq.write_table(pa.table(columns), path)
    _, batch = read(path, interval=Interval.M1)
    assert batch.bars.t.astype("datetime64[s]").astype(str).tolist() == [moment]


def test_compact_times_are_on_the_exchanges_clock_and_epoch_times_are_not() -> None:
    rows, batch = read(CASES / "07-compact/CMPJAN.csv")
    assert (rows.interval, batch.naive) == (Interval.M1, True)
    assert batch.bars.t.astype("datetime64[s]").astype(str)[0] == "2024-01-12T09:30:00"
    rows, batch = read(CASES / "08-epoch/EPUS.csv")
    assert (rows.interval, batch.naive) == (Interval.M1, False)
    assert batch.bars.t.astype("datetime64[s]").astype(str)[0] == "2024-01-02T14:30:00"


def test_a_spreadsheet_saved_as_unicode_text_is_read(tmp_path: Path) -> None:
    text = "Date\tOpen\tHigh\tLow\tClose\tVolume\r\n2024-01-02\t1\t2\t0.5\t1.5\t7\r\n"
    _, batch = read(write(tmp_path, text, encoding="utf-16"))
    assert batch.bars.volume.tolist() == [7]


def test_what_pandas_writes_is_read_with_its_index_without_a_name(tmp_path: Path) -> None:
    text = ",Open,High,Low,Close,Volume\n2024-01-02,1,2,0.5,1.5,7\n"
    _, batch = read(write(tmp_path, text))
    assert (days(batch.bars), batch.bars.close.tolist()) == (["2024-01-02"], [1.5])


def test_the_three_header_lines_of_yfinance_are_one(tmp_path: Path) -> None:
    head = "Price,Close,High,Low,Open,Volume\nTicker,ACME,ACME,ACME,ACME,ACME\nDate,,,,,\n"
    text = f"{head}2024-01-02,1.5,2,0.5,1,7\n"
    rows, batch = read(write(tmp_path, text))
    assert (batch.bars.close.tolist(), batch.bars.open.tolist(), rows.rows_total) == ([1.5], [1.0], 1)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_each_form_of_the_table_is_recognised_by_its_headings(tmp_path: Path, form: object) -> None:
    headings = sorted(form.headings)  # type: ignore[attr-defined]  # a Form
    cells = {"date": "2024-01-02", "timestamp": "2024-01-02", "<date>": "20240102", "<time>": "000000"}
    cells |= {"날짜": "2024-01-02", "일자": "2024/01/02", "<ticker>": "ACME", "<per>": "D"}
    output = io.StringIO()
    csv.writer(output).writerows([headings, [cells.get(one, "1") for one in headings]])
    rows, batch = read(write(tmp_path, output.getvalue()))
    assert rows.stated[0].value == form.name  # type: ignore[attr-defined]  # a Form
    assert (days(batch.bars), batch.bars.close.tolist()) == (["2024-01-02"], [1])


def test_the_adjusted_close_is_a_check_and_never_the_close(tmp_path: Path) -> None:
    text = (
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,10,11,9,10,9.5,7\n2024-01-03,10,11,9,10,10,7\n"
    )
    rows, batch = read(write(tmp_path, text))
    said = next(one for one in rows.stated if one.what == "prices")
    assert batch.bars.close.tolist() == [10, 10]
    assert (said.value, rows.terms, rows.terms_given) == ("adjusted for splits", "split", False)
    assert "0.95 to 1 of close" in said.why


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["01/08/2024", "01/05/2024", "01/04/2024"], "mdy"),
        (["08/01/2024", "05/01/2024", "04/01/2024"], "dmy"),
        (["02.01.2024", "03.01.2024", "04.01.2024"], "dmy"),
    ],
)
def test_dates_in_numbers_are_read_so_that_one_day_follows_another(
    tmp_path: Path, cells: list[str], order: str
) -> None:
    lines = "".join(f"{cell},1,2,0.5,1.5,1\n" for cell in cells)
    rows, batch = read(write(tmp_path, "Date,Open,High,Low,Close,Volume\n" + lines))
    assert rows.times.order == order
    assert oldest_first(batch).t[-1] - oldest_first(batch).t[0] < 10 * 86400


def test_two_dates_that_may_be_either_are_still_a_question(tmp_path: Path) -> None:
    path = write(tmp_path, "Date,Open,High,Low,Close\n01/02/2024,1,2,0.5,1.5\n01/03/2024,1,2,0.5,1.5\n")
    with pytest.raises(InvalidInputError, match="--date-order"):
        open_rows(path, FileOptions())
