"""`stockops backup measure` and `read-rows`: what `stockops move` asks of either side, wherever it runs."""

import asyncio
import sys

from stock_ops.archive.facts.server import database_words, read_address
from stock_ops.backup.runners.content import measure_content
from stock_ops.backup.runners.rows import write_rows
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import Data, Json, layout_of, run_verb


def measure(data: Data = None, as_json: Json = False) -> None:
    """Count and hash every table of the platform."""
    run_verb("backup measure", as_json, lambda report: _measure(layout_of(data), report))


def read_rows(data: Data = None) -> None:
    """Write all rows of the platform to standard output, as statements for psql."""
    run_verb("backup read-rows", as_json=False, run=lambda _: _read_rows(layout_of(data)))


def _measure(layout: Layout, report: Report) -> int:
    address = read_address(layout)
    with database_words("The measure of the content"):
        found = asyncio.run(measure_content(address.connect, by_name=True))
    report.table(("Table", "Rows", "Checksum"), [(one.table, f"{one.rows:,}", one.checksum) for one in found])
    tables = [{"table": one.table, "rows": one.rows, "checksum": one.checksum} for one in found]
    report.result("backup measure", [], {"content": tables})
    return 0


def _read_rows(layout: Layout) -> int:
    address = read_address(layout)
    with database_words("Reading the rows"):
        asyncio.run(write_rows(address.connect, sys.stdout.buffer))
    sys.stdout.buffer.flush()
    return 0
