"""The commands `stock-analysis quarantine ...`."""

import asyncio
import getpass
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stock_analysis.ingest.console import AsJson, ConfigFile, open_store
from stock_analysis.ingest.quarantine import QuarantineService
from stock_analysis.ingest.rows import KeptAside, Selection
from stock_analysis.kit.terminal import printable, printable_json

quarantine_app = typer.Typer(help="Rows that the quality gate kept aside.", no_args_is_help=True)

SymbolOption = Annotated[str | None, typer.Option("--symbol", help="Of this instrument only.")]
T = TypeVar("T")


@quarantine_app.command("list")
def list_command(
    symbol: SymbolOption = None,
    reason: Annotated[str | None, typer.Option(help="With this reason only, as ohlc_order.")] = None,
    state: Annotated[
        Literal["open", "replayed", "dismissed", "any"], typer.Option(help="In this state only.")
    ] = "open",
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")] = 1000,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List rows with their reasons."""
    wanted = None if state == "any" else state
    selection = Selection(symbol=_upper(symbol), reason=reason, state=wanted, limit=limit)
    rows = _run_quarantine(config, lambda service: service.list(selection))
    if as_json:
        typer.echo(printable_json([_row_as_json(row) for row in rows]))
    elif not rows:
        typer.echo("no such rows are in the quarantine")
    else:
        _print_rows(rows)
        if len(rows) == limit:
            typer.echo(f"the first {limit} rows; there may be more: --limit, --symbol or --reason")


@quarantine_app.command("repair")
def repair_command(
    row_id: Annotated[int, typer.Argument(metavar="ID", help="As listed.")],
    set_: Annotated[
        list[str], typer.Option("--set", metavar="CELL=VALUE", help="As close=12.3; repeatable.")
    ],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Change cells of a row; `replay` then sends it through the gate."""
    changes = dict(_cell(one) for one in set_)
    row = _run_quarantine(config, lambda service: service.repair(row_id, changes))
    if as_json:
        typer.echo(printable_json(_row_as_json(row), indent=None))
    else:
        typer.echo(f"row {row_id} is now {_cells(row)}")
        typer.echo(f"`stock-analysis quarantine replay {row_id}` sends it through the gate")


@quarantine_app.command("replay")
def replay_command(
    row_ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="As listed.")] = None,
    symbol: SymbolOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All open rows.")] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REASON",
            help="They are true: jump, not_positive, halted, unknown_session or outside_session.",
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who accepts, for the record; else your login.")
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Send rows through the gate again: they land, or stay with the reasons of now."""
    selection = _selection(row_ids, symbol, everything=everything)
    who = by or getpass.getuser()
    report = _run_quarantine(config, lambda service: service.replay(selection, accepted=accept or [], by=who))
    if as_json:
        typer.echo(json.dumps(vars(report)))
        return
    typer.echo(
        f"{report.accepted:,} accepted, {report.unchanged:,} unchanged, {report.corrected:,} corrected, "
        f"{report.stayed:,} stay aside"
    )
    for name, count in sorted(report.reasons.items()):
        typer.echo(f"  {name} {count:,}")


@quarantine_app.command("dismiss")
def dismiss_command(
    row_ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="As listed.")] = None,
    symbol: SymbolOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All open rows.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Close rows for good without storing them."""
    selection = _selection(row_ids, symbol, everything=everything)
    count = _run_quarantine(config, lambda service: service.dismiss(selection))
    typer.echo(json.dumps({"dismissed": count}) if as_json else f"{count:,} dismissed")


def _run_quarantine(config: Path | None, work: Callable[[QuarantineService], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_store(config) as store:
            return await work(QuarantineService(store))

    return asyncio.run(run())


def _selection(row_ids: list[int] | None, symbol: str | None, *, everything: bool) -> Selection:
    if not (row_ids or symbol or everything):
        raise typer.BadParameter("say which rows: IDs, --symbol or --all")
    return Selection(ids=tuple(row_ids) if row_ids else None, symbol=_upper(symbol))


def _cell(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not CELL=VALUE", param_hint="--set")
    return name.strip().lower(), value.strip()


def _upper(symbol: str | None) -> str | None:
    return symbol.upper() if symbol else None


def _cells(row: KeptAside) -> str:
    cells = ((name, "-" if value is None else str(value)) for name, value in row.row.items())
    return ", ".join(f"{printable(name)} {printable(value)}" for name, value in cells)


def _short_cells(row: KeptAside) -> str:
    """What the other columns of the table do not say, short enough for one line."""
    cells = {name: value for name, value in row.row.items() if name not in _SAID_ELSEWHERE}
    words = (
        f"{_SHORT.get(name, name + ' ')}{'-' if cells[name] in (None, '') else cells[name]}" for name in cells
    )
    return " ".join(map(printable, words))


_SAID_ELSEWHERE = frozenset({"symbol", "exchange", "currency", "name", "kind"})
_SHORT = {"session": "", "date": "", "open": "O ", "high": "H ", "low": "L ", "close": "C ", "volume": "V "}


def _row_as_json(row: KeptAside) -> dict[str, object]:
    return {
        "id": row.id,
        "source": row.source,
        "row_number": row.row_number,
        "symbol": row.symbol,
        "interval": row.interval,
        "reasons": row.reasons,
        "row": row.row,
        "repaired": row.is_repaired,
        "state": row.state,
        "created_at": row.created_at.isoformat(),
    }


def _print_rows(rows: list[KeptAside]) -> None:
    table = Table("id", "symbol", "reasons", "row", "source", "state", box=None, pad_edge=False)
    for row in rows:
        repaired = " (repaired)" if row.is_repaired else ""
        where = f"{printable(row.source)} row {row.row_number}"
        cells = (
            str(row.id),
            row.symbol or "?",
            ", ".join(row.reasons),
            _short_cells(row) + repaired,
            where,
            row.state,
        )
        table.add_row(*map(Text, cells))  # text, so that no [word] of a file is taken for markup
    Console().print(table)
