"""The list of imports on terminals of many widths."""

import io
from datetime import UTC, datetime
from uuid import UUID

import pytest
from rich.cells import cell_len
from rich.console import Console

from stock_analysis.ingest.rows import Counts, Run
from stock_analysis.ingest.runs_cli import print_runs
from stock_analysis.ingest.runs_repository import RunRecord

NAMES = [
    "AAPL.csv",
    "Historical prices of Samsung Electronics 005930 (1).csv",
    "삼성전자 일별시세 2015-2024.csv",
]


def run(number: int, source: str) -> RunRecord:
    counts = Counts(12_345_678, 12_345_678, 0, 1_234_567, 12_345)
    at = datetime(2026, 11, 29, 12, 5, tzinfo=UTC)
    return RunRecord(Run(UUID(int=number << 96), source, b"", "1d", "undone", 9, 9, counts, at), None, [])


def printed(width: int, *, is_terminal: bool) -> list[str]:
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=is_terminal, no_color=True)
    print_runs([run(number, name) for number, name in enumerate(NAMES, 1)], console)
    return [line.rstrip() for line in output.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_each_run_is_a_line_with_all_but_its_source_whole(width: int) -> None:
    lines = printed(width, is_terminal=True)
    assert len(lines) == 1 + len(NAMES)
    for number, line in enumerate(lines[1:], 1):
        assert line.startswith(f"{number:08x}  11-29 12:05  ")
        assert line.split()[-5:] == ["undone", "12.3M", "12.3M", "1.2M", "12,345"]
        assert cell_len(line) <= max(width, 80)


def test_where_there_is_room_or_no_terminal_sources_are_whole() -> None:
    for lines in (printed(200, is_terminal=True), printed(80, is_terminal=False)):
        assert all(name in line for name, line in zip(NAMES, lines[1:], strict=True))
