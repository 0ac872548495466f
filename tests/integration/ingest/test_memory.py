"""Imports of hostile files, each in a process of its own: refused in words, and never much memory.

Measured is the peak of the resident memory of the command: ru_maxrss of a child, beside nothing else.
"""

import gzip
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stock_analysis.ingest.bounds import MEMORY_BYTES
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment

HEADER = b"Date,Open,High,Low,Close,Volume\n"
ROW = b"2020-01-02,1,2,0.5,1.5,100\n"
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def run_import(path: Path, settings: Settings) -> tuple[int, str, int]:
    """Exit code, all that was said, and the peak of memory in bytes."""
    program = str(Path(sys.executable).with_name("stock-analysis"))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, program, "import", str(path), "--symbol", "AAPL"],
        env=os.environ | environment(settings) | {"TERMINAL_WIDTH": "400"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=200,
    )
    said, _, peak = done.stdout.rpartition("peak ")
    return done.returncode, said, int(peak) * 1024


def packed(path: Path, begin: bytes, block: bytes, count: int) -> None:
    """A gzip file: begin, then the block so many times."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(begin)
        for _ in range(count):
            file.write(block)


def header_of_3_gb(folder: Path) -> Path:
    packed(path := folder / "x.csv.gz", b"", b"Date," * 2_000_000, 300)
    return path


def row_of_a_gb(folder: Path) -> Path:
    packed(path := folder / "x.csv.gz", HEADER + ROW * 100, b"1" * 10_000_000, 100)
    return path


def row_between_quotes(folder: Path) -> Path:
    path = folder / "x.csv"
    path.write_bytes(HEADER + ROW * 100 + b'"' + b"1\n" * 200_000_000)
    return path


def cell(folder: Path) -> Path:
    path = folder / "x.csv"
    path.write_bytes(HEADER + ROW * 100 + ROW.replace(b",2,", b"," + b"1" * 5000 + b","))
    return path


def wide_cells(folder: Path) -> Path:
    path = folder / "x.csv"
    path.write_bytes(HEADER + ROW.replace(b",2,", b"," + b"1" * 4000 + b",") * 100_000)
    return path


def broken_lines(folder: Path) -> Path:
    path = folder / "x.csv"
    path.write_bytes(HEADER + ROW + b"x\n" * 20_000_000)
    return path


def long_broken_lines(folder: Path) -> Path:
    path = folder / "x.csv"
    path.write_bytes(HEADER + ROW * 100 + (b"x" * 500_000 + b"\n") * 400)
    return path


def write_parquet(path: Path, rows: int, when: pa.Array, **options: object) -> Path:
    prices = {name: np.ones(rows) for name in ("open", "high", "low", "close", "volume")}
    pq.write_table(pa.table({"date": when, **prices}), path, row_group_size=rows, **options)
    return path


def dictionary_of_one_long_text(folder: Path) -> Path:
    rows = 1_000_000
    when = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["2" * 1_000_000]))
    return write_parquet(folder / "x.parquet", rows, when, compression="zstd")


def dictionary_of_many_texts(folder: Path) -> Path:
    rows = 200_000
    texts = pa.array([f"{number:04000d}" for number in range(200)])
    when = pa.DictionaryArray.from_arrays(pa.array((np.arange(rows) % 200).astype(np.int32)), texts)
    return write_parquet(folder / "x.parquet", rows, when, compression="zstd")


def page_of_1_5_gb(folder: Path) -> Path:
    """One page: 100 kB in the file."""
    when = pa.array(["2" * 1_000_000] * 1500)
    options = {"use_dictionary": False, "data_page_size": 2**31 - 1, "write_statistics": False}
    return write_parquet(folder / "x.parquet", 1500, when, compression="zstd", **options)


def column_of_2_gb(folder: Path) -> Path:
    rows = 200_000
    when = pa.array(["2" * 10_000] * rows, pa.large_string())
    return write_parquet(folder / "x.parquet", rows, when, compression="zstd", use_dictionary=False)


def footer(folder: Path) -> Path:
    path = folder / "x.parquet"
    with path.open("wb") as file:
        file.write(b"PAR1")
        file.seek(2**30, os.SEEK_CUR)  # zeros that take no room
        file.write(struct.pack("<I", 2**30) + b"PAR1")
    return path


def workbook(folder: Path) -> Path:
    path = folder / "x.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(500_000_000))
    path.rename(renamed := folder / "x.csv")
    return renamed


def zstd(folder: Path) -> Path:
    path = folder / "x.csv"
    with pa.output_stream(path, compression="zstd") as stream:
        stream.write(HEADER + ROW * 1_000_000)
    return path


def damaged_gzip(folder: Path) -> Path:
    packed(path := folder / "x.csv.gz", HEADER, ROW, 100_000)
    data = bytearray(path.read_bytes())
    data[200:260] = b"\xff" * 60
    path.write_bytes(data)
    return path


HOSTILE: dict[Callable[[Path], Path], str] = {
    header_of_3_gb: "has a line of more than 65,536 bytes, line 1: no table of prices is that wide",
    row_of_a_gb: "has a line of more than 1,048,576 bytes, line 102",
    row_between_quotes: "has a row of more than 1,048,576 bytes: no row of prices is that long",
    cell: "has a cell of more than 4,096 bytes in row 101: no date or number is that long",
    wide_cells: "holds more than 32 MiB in its rows 1 to ",
    broken_lines: "has 100,001 lines one after the other with another number of cells than its header",
    long_broken_lines: "holds more than 32 MiB in its rows 1 to ",
    dictionary_of_one_long_text: "has a cell of more than 4,096 bytes in row 1",
    dictionary_of_many_texts: "holds more than 32 MiB in its rows 1 to 100,000",
    page_of_1_5_gb: "x.parquet",
    column_of_2_gb: "has over 1,024 MiB in a row group's column date: write it with smaller row groups",
    footer: "describes its columns and row groups in more than 4 MiB",
    workbook: "is a ZIP archive or an Excel workbook: unpack it, or save the sheet as CSV",
    zstd: "is packed with zstd: unpack it",
    damaged_gzip: "cannot be read",
}


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_a_hostile_file_is_refused_in_words_and_takes_little_memory(
    make: Callable[[Path], Path], tmp_path: Path, settings: Settings
) -> None:
    code, said, peak = run_import(make(tmp_path), settings)
    assert code == 1, said
    assert HOSTILE[make] in " ".join(said.split())
    assert "Traceback" not in said
    assert peak <= MEMORY_BYTES, f"{peak / 2**20:.0f} MiB"


def all_minutes(count: int) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """Minutes from 2020 on, day and night: most of them are outside the sessions, and kept aside."""
    return np.datetime64("2020-01-02T14:30") + np.arange(count).astype("timedelta64[m]")


def rows_kept_aside(folder: Path) -> Path:
    path = folder / "x.csv"
    with path.open("w") as file:
        file.write("Date,Open,High,Low,Close,Volume\n")
        file.writelines(
            f"{one},100.123456,101.123456,99.123456,100.12,12345\n" for one in all_minutes(150_000)
        )
    return path


def large_row_group(folder: Path) -> Path:
    minutes = all_minutes(1_200_000)
    in_session = (minutes.astype(np.int64) % 1440 >= 900) & (minutes.astype(np.int64) % 1440 < 1200)
    in_session &= np.is_busday(minutes.astype("datetime64[D]"))
    when = pa.array(minutes[in_session].astype("datetime64[us]"), pa.timestamp("us", "UTC"))
    return write_parquet(folder / "x.parquet", len(when), when)


@pytest.mark.parametrize("make", [rows_kept_aside, large_row_group], ids=lambda make: make.__name__)
def test_a_large_file_of_prices_is_imported_in_as_little_memory(
    make: Callable[[Path], Path], tmp_path: Path, settings: Settings
) -> None:
    code, said, peak = run_import(make(tmp_path), settings)
    assert code == 0, said
    assert peak <= MEMORY_BYTES, f"{peak / 2**20:.0f} MiB"
