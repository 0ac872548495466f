"""`stockops backup measure` and `read-dump`: what `stockops move` asks of either side, wherever it runs."""

import asyncio
import sys
from typing import Annotated

import typer

from stock_ops.archive.facts.server import database_words, read_address
from stock_ops.backup.cli.source import open_source, read_key
from stock_ops.backup.plans.catalog import find
from stock_ops.backup.runners.content import measure_content
from stock_ops.kit.errors import PartError
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import Data, Json, layout_of, run_verb
from stock_ops.storage.facts.contents import read_contents
from stock_ops.storage.parts import fetch_part


def measure(data: Data = None, as_json: Json = False) -> None:
    """Count and hash every table of the platform."""
    run_verb("backup measure", as_json, lambda report: _measure(layout_of(data), report))


def read_dump(
    backup: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")], data: Data = None
) -> None:
    """Write the logical dump of a backup to standard output, opened."""
    run_verb("backup read-dump", as_json=False, run=lambda _: _read_dump(layout_of(data), backup))


def _measure(layout: Layout, report: Report) -> int:
    address = read_address(layout)
    with database_words("The measure of the content"):
        found = asyncio.run(measure_content(address.connect, by_name=True))
    report.table(("Table", "Rows", "Checksum"), [(one.table, f"{one.rows:,}", one.checksum) for one in found])
    tables = [{"table": one.table, "rows": one.rows, "checksum": one.checksum} for one in found]
    report.result("backup measure", [], {"content": tables})
    return 0


def _read_dump(layout: Layout, backup: str) -> int:
    """A part has no tag of its own: its manifest is authenticated, and names each of its blocks."""
    storage = open_source(layout, None)
    manifest = find(read_contents(storage), backup).manifest
    part = manifest.part("dump") if manifest else None
    if part is None:
        raise PartError(f"{backup} has no logical dump.", "Make one: stockops backup create --full --dump")
    fetch_part(storage, part, sys.stdout.buffer, read_key(layout, None))
    sys.stdout.buffer.flush()
    return 0
