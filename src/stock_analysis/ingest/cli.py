"""The commands `stock-analysis import | import-sample | fetch | quarantine ...`."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stock_analysis.domain.bars import Interval
from stock_analysis.ingest.chunks import BATCH_ROWS
from stock_analysis.ingest.files import FileOptions
from stock_analysis.ingest.folder import import_path
from stock_analysis.ingest.ports import Provider
from stock_analysis.ingest.progress import as_json, open_progress, summary
from stock_analysis.ingest.quarantine import QuarantineService
from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.ingest.rows import Imported, KeptAside, Report, Selection
from stock_analysis.ingest.sample import import_sample
from stock_analysis.ingest.service import PATIENCE_S, ImportService, ImportStoppedError, Listing
from stock_analysis.kit.db import open_pool
from stock_analysis.kit.settings import CONFIG_FILE_VARIABLE, load_settings
from stock_analysis.kit.terminal import printable, printable_json

FAILED, INTERRUPTED = 1, 130
TIMEOUT_S = 60.0
"""Of one statement: a batch takes longer than a request may."""

quarantine_app = typer.Typer(help="Rows that the quality gate kept aside.", no_args_is_help=True)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings as TOML.", envvar=CONFIG_FILE_VARIABLE),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SymbolOption = Annotated[str | None, typer.Option("--symbol", help="Of this instrument only.")]
Stored = Literal["1d", "1m"]


def add_commands(app: typer.Typer) -> None:
    """Mount the commands of this module."""
    app.command("import")(import_command)
    app.command("import-sample")(import_sample_command)
    app.command("fetch")(fetch_command)
    app.add_typer(quarantine_app, name="quarantine")


def import_command(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|FOLDER",
            help="CSV or Parquet; a folder may hold instruments.* and actions.* too.",
            exists=True,
            readable=True,
        ),
    ],
    format_: Annotated[
        Literal["csv", "parquet"] | None, typer.Option("--format", help="Else the content tells.")
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(help="Of all rows; else the column symbol, else the file's name.")
    ] = None,
    interval: Annotated[Stored | None, typer.Option(help="Else the times tell.")] = None,
    exchange: Annotated[
        str | None,
        typer.Option(
            metavar="MIC", help="Where new instruments are listed; else their symbols tell, else XNYS."
        ),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of times without an offset; else the exchange's.")
    ] = None,
    date_order: Annotated[
        Literal["ymd", "dmy", "mdy"] | None,
        typer.Option(help="Of dates like 01/02/2020; else the rows say."),
    ] = None,
    decimal_mark: Annotated[
        Literal["point", "comma"] | None,
        typer.Option(help="Of numbers like 1,234; else the rows say. The other mark parts thousands."),
    ] = None,
    batch_rows: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Rows of one transaction.", hidden=True)
    ] = BATCH_ROWS,
    patience: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="How long to wait for a database that went away."),
    ] = PATIENCE_S,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Import prices. Running it again goes on where it was cut off, and changes nothing that is stored.

    Without a volume column, new bars have volume 0 and stored ones keep theirs.
    """
    options = FileOptions(
        format=format_,
        symbol=symbol,
        interval=Interval(interval) if interval else None,
        timezone=_zone(timezone),
        date_order=date_order,
        decimal_mark=decimal_mark,
        batch_rows=batch_rows,
    )
    listing = Listing(exchange.upper() if exchange else None)
    _run_import(
        config,
        lambda service, show: import_path(service, path, options, listing, on_report=show),
        json_wanted=as_json,
        patience_s=patience,
    )


def import_sample_command(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Import the sample data that comes with the program; what is stored already is left out."""
    _run_import(config, import_sample, json_wanted=as_json)


def fetch_command(
    provider: Annotated[Literal["yahoo", "krx"], typer.Argument(help="Where to fetch from.")],
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL...", help="As the provider writes them.")],
    interval: Annotated[Stored, typer.Option(help="Span of the bars.")] = "1d",
    start: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First date; else 10 years ago.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last date; else today.")
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Fetch prices over the network and import them."""
    source = _provider(provider)
    last = end.date() if end else datetime.now(UTC).date()
    first = start.date() if start else last - timedelta(days=3653 if interval == "1d" else 6)

    async def fetch(service: ImportService, show: Callable[[Report], None]) -> Imported:
        return await _fetch_all(service, source, symbols, Interval(interval), first, last, show)

    _run_import(config, fetch, json_wanted=as_json)


async def _fetch_all(
    service: ImportService,
    source: Provider,
    symbols: list[str],
    interval: Interval,
    first: date,
    last: date,
    show: Callable[[Report], None],
) -> Imported:
    imported = Imported()
    for symbol in symbols:
        fetched = await asyncio.to_thread(source.fetch, symbol, interval, first, last)
        imported.reports.append(await service.import_fetched(fetched, interval, source.name))
        show(imported.reports[-1])
    return imported


def _provider(name: str) -> Provider:
    if name == "yahoo":
        from stock_analysis.ingest.yahoo import YahooProvider

        return YahooProvider()
    from stock_analysis.ingest.krx import KrxProvider

    return KrxProvider()


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
    accept_jump: Annotated[
        bool, typer.Option("--accept-jump", help="The prices are true, however far they jump.")
    ] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Send rows through the gate again: they land, or stay with the reasons of now."""
    selection = _selection(row_ids, symbol, everything=everything)
    report = _run_quarantine(config, lambda service: service.replay(selection, accept_jumps=accept_jump))
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


T = TypeVar("T")
_Work = Callable[[ImportService, Callable[[Report], None]], Awaitable[Imported]]


def _run_import(
    config: Path | None, work: _Work, *, json_wanted: bool, patience_s: float = PATIENCE_S
) -> None:
    """Run an import to its end, or to the edge of a batch on Ctrl-C (130)."""

    def show(report: Report) -> None:
        if not json_wanted:
            typer.echo(summary(report))

    try:
        imported = asyncio.run(_import(config, work, show, patience_s))
    except ImportStoppedError as error:
        typer.echo(f"stock-analysis: {error}", err=True)
        raise typer.Exit(INTERRUPTED) from error
    if json_wanted:
        found = {
            "instruments": len(imported.instruments),
            "imports": [as_json(one) for one in imported.reports],
            "unreadable": imported.unreadable,
        }
        typer.echo(printable_json(found))
    else:
        _tell(imported)
    for reason in imported.unreadable:
        typer.echo(f"stock-analysis: {printable(reason, longest=2000)}", err=True)
    if imported.unreadable:
        raise typer.Exit(FAILED)


def _tell(imported: Imported) -> None:
    if imported.instruments:
        typer.echo(f"{len(imported.instruments):,} instruments new or changed")
    if not (imported.reports or imported.instruments or imported.unreadable):
        typer.echo("no changes: all of it was imported before")
    if any(report.run.counts.quarantined for report in imported.reports):
        typer.echo("`stock-analysis quarantine list` shows the rows kept aside")


async def _import(
    config: Path | None, work: _Work, show: Callable[[Report], None], patience_s: float
) -> Imported:
    with _stop_on_signals() as stop, open_progress() as progress:
        async with _store(config) as store:
            service = ImportService(store, observer=progress, stop=stop, patience_s=patience_s)
            return await work(service, show)


@contextmanager
def _stop_on_signals() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C or SIGTERM asks to stop at the edge of a batch, the second ends at once."""
    loop, asked = asyncio.get_running_loop(), False
    task = asyncio.current_task()

    def on_signal() -> None:
        nonlocal asked
        if asked and task is not None:
            task.cancel()
        asked = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield lambda: asked
    except asyncio.CancelledError as error:
        raise ImportStoppedError from error
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _run_quarantine(config: Path | None, work: Callable[[QuarantineService], Awaitable[T]]) -> T:
    async def run() -> T:
        async with _store(config) as store:
            return await work(QuarantineService(store))

    return asyncio.run(run())


@asynccontextmanager
async def _store(config: Path | None) -> AsyncIterator[PostgresPriceStore]:
    settings = load_settings(config).settings.model_copy(update={"database_timeout_s": TIMEOUT_S})
    pool = await open_pool(settings, application_name="stock-analysis-import")
    try:
        yield PostgresPriceStore(pool)
    finally:
        pool.terminate()


def _selection(row_ids: list[int] | None, symbol: str | None, *, everything: bool) -> Selection:
    if not (row_ids or symbol or everything):
        raise typer.BadParameter("say which rows: IDs, --symbol or --all")
    return Selection(ids=tuple(row_ids) if row_ids else None, symbol=_upper(symbol))


def _cell(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not CELL=VALUE", param_hint="--set")
    return name.strip().lower(), value.strip()


def _zone(name: str | None) -> str | None:
    if name is not None:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise typer.BadParameter(
                f"no time zone {name!r}; as Asia/Seoul", param_hint="--timezone"
            ) from error
    return name


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
