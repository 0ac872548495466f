"""The commands `stock-analysis runs ...`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stock_analysis.ingest.console import AsJson, ConfigFile, open_pool_of
from stock_analysis.ingest.progress import reading_lines
from stock_analysis.ingest.runs import RunService, Undone
from stock_analysis.ingest.runs_repository import PostgresRunStore, RunRecord
from stock_analysis.kit.db import Role
from stock_analysis.kit.terminal import printable, printable_json

runs_app = typer.Typer(help="Imports that were made, and taking them back.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Its id, the first characters of it, or last.")]
T = TypeVar("T")
SHORT = 8


@runs_app.command("list")
def list_command(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 20,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List imports, the newest first."""
    records = _run(config, lambda service: service.list(limit))
    if as_json:
        typer.echo(printable_json([_as_json(one) for one in records]))
    elif not records:
        typer.echo("nothing was imported yet")
    else:
        print_runs(records, Console())


@runs_app.command("show")
def show_command(run: RunId, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show an import: how its source was read, and what became of its rows."""
    record = _run(config, lambda service: service.find(run))
    if as_json:
        typer.echo(printable_json(_as_json(record)))
        return
    counts = record.run.counts
    typer.echo(f"{record.run.id}  {record.run.status}, begun {record.run.started_at:%Y-%m-%d %H:%M} UTC")
    for line in reading_lines(record.run.source, record.reading):
        typer.echo(printable(line, longest=500))
    typer.echo(
        f"{counts.rows:,} rows read: {counts.accepted:,} accepted, {counts.unchanged:,} unchanged, "
        f"{counts.corrected:,} corrected, {counts.quarantined:,} quarantined"
    )
    if record.run.error:
        typer.echo(printable(f"it failed: {record.run.error}", longest=500))


@runs_app.command("undo")
def undo_command(run: RunId, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Take an import back as a whole: bars, actions, rows aside, and instruments that came with it.

    What other imports have, too, or corrected later, stays, and is named.
    """
    undone = _run(config, lambda service: service.undo(run))
    if as_json:
        typer.echo(printable_json(asdict(undone)))
        return
    for line in _told(undone):
        typer.echo(printable(line, longest=500))


def _told(undone: Undone) -> list[str]:
    what = f"{undone.removed:,} bars removed, {undone.restored:,} as they were before"
    lines = [f"{undone.source} is taken back: {what}"]
    if undone.actions:
        lines.append(f"  corporate actions of {undone.actions:,} days and kinds removed or as before")
    for symbol, terms in undone.terms.items():
        lines.append(f"  the prices of {symbol} are said to be {terms} again")
    if undone.quarantined:
        lines.append(f"  {undone.quarantined:,} rows left the quarantine")
    if undone.instruments:
        lines.append(f"  instruments removed: {', '.join(undone.instruments)}")
    for name, count in undone.stays.items():
        lines.append(f"  {count:,} bars stay, which belong to: {name}")
    for name, count in undone.actions_stay.items():
        lines.append(f"  actions of {count:,} days and kinds stay, which belong to: {name}")
    return lines


def _run(config: Path | None, work: Callable[[RunService], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_pool_of(config, Role.OWNER) as pool:
            return await work(RunService(PostgresRunStore(pool)))

    return asyncio.run(run())


def _as_json(record: RunRecord) -> dict[str, object]:
    run = record.run
    return {
        "id": str(run.id),
        "source": run.source,
        "interval": run.interval,
        "status": run.status,
        "started_at": run.started_at.isoformat(),
        "finished_at": record.finished_at.isoformat() if record.finished_at else None,
        **asdict(run.counts),
        "error": run.error,
        "reading": [asdict(one) for one in record.reading],
    }


def print_runs(records: Sequence[RunRecord], console: Console) -> None:
    """A table, a line a run; nothing but sources is cut, and they only on a narrow terminal."""
    rows = [_cells(one) for one in records]
    widths = [max(map(cell_len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    others = sum(widths) - widths[_SOURCE] + _GAP * (len(widths) - 1)
    if console.is_terminal:
        widths[_SOURCE] = min(widths[_SOURCE], max(console.width - others, _LEAST_SOURCE))
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for place, (heading, width) in enumerate(zip(_HEADINGS, widths, strict=True)):
        is_number = place >= _FIRST_NUMBER
        table.add_column(heading, no_wrap=True, width=width, justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console.width = max(console.width, others + widths[_SOURCE])
    console.print(table)


_HEADINGS = ("run", "begun (UTC)", "source", "", "rows", "new", "changed", "aside")
_SOURCE, _FIRST_NUMBER, _LEAST_SOURCE, _GAP = 2, 4, 8, 2


def _cells(record: RunRecord) -> tuple[str, ...]:
    run, counts = record.run, record.run.counts
    numbers = (counts.rows, counts.accepted, counts.corrected, counts.quarantined)
    status = run.status if run.status != "done" else run.interval
    first = (str(run.id)[:SHORT], f"{run.started_at:%m-%d %H:%M}", printable(run.source), status)
    return (*first, *map(_short, numbers))


def _short(number: int) -> str:
    return f"{number:,}" if number < 1_000_000 else f"{number / 1e6:,.1f}M"
