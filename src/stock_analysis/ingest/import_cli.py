"""The commands `stock-analysis import | import-sample | fetch`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from stock_analysis.domain.bars import Interval
from stock_analysis.domain.currencies import parse_currency
from stock_analysis.ingest.bounds import bounded_memory
from stock_analysis.ingest.chunks import BATCH_ROWS
from stock_analysis.ingest.console import (
    FAILED,
    INTERRUPTED,
    NOTHING_LANDED,
    AsJson,
    ConfigFile,
    open_store,
    stop_on_signals,
)
from stock_analysis.ingest.files import FileOptions
from stock_analysis.ingest.folder import import_path, preview_path
from stock_analysis.ingest.instruments import Listing
from stock_analysis.ingest.landing import ImportStoppedError
from stock_analysis.ingest.patience import PATIENCE_S
from stock_analysis.ingest.ports import Provider
from stock_analysis.ingest.preview import Preview
from stock_analysis.ingest.progress import as_json, open_progress, preview_as_json, preview_lines, summary
from stock_analysis.ingest.rows import Imported, Report
from stock_analysis.ingest.sample import import_sample
from stock_analysis.ingest.service import ImportService
from stock_analysis.kit.terminal import printable, printable_json

Stored = Literal["1d", "1m"]
_Work = Callable[[ImportService, Callable[[Report], None]], Awaitable[Imported]]


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
            metavar="MIC", help="Where new instruments are listed; else their symbols tell, or it asks."
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
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=HEADING", help="Which column it is, as volume=Shares; volume=none: there is none."
        ),
    ] = None,
    adjusted: Annotated[
        Literal["none", "split", "all"] | None,
        typer.Option(help="What the prices are free of already: nothing, splits, or dividends, too."),
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="Of new instruments, as USD or GBX (pence); else the exchange's.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how it would be read and the first rows; store nothing.")
    ] = False,
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

    Before the first row lands it says how it reads the file: what you gave, and what it assumes.

    Ends with 3 if no row landed. `stock-analysis runs undo last` takes the import back.

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
        columns=tuple(map(_column, column or [])),
        adjusted=adjusted,
    )
    listing = Listing(
        exchange.upper() if exchange else None, None if currency is None else parse_currency(currency)
    )
    with bounded_memory(path.name):
        if dry_run:
            _show_previews(config, path, options, listing, json_wanted=as_json)
            return
        _run_import(
            config,
            lambda service, show: import_path(service, path, options, listing, on_report=show),
            json_wanted=as_json,
            patience_s=patience,
        )


def sample_command(after: Callable[[Path | None], None]) -> Callable[..., None]:
    """The command import-sample. after: what else belongs to the sample, once the prices are stored."""

    def import_sample_command(config: ConfigFile = None, as_json: AsJson = False) -> None:
        """Import the sample data that comes with the program; what is stored already is left out."""
        _run_import(config, import_sample, json_wanted=as_json)
        after(config)

    return import_sample_command


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
    if imported.reports and not imported.instruments and not any(one.landed for one in imported.reports):
        typer.echo("stock-analysis: no row landed", err=True)
        raise typer.Exit(NOTHING_LANDED)


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
    with stop_on_signals() as stop, open_progress() as progress:
        async with open_store(config) as store:
            service = ImportService(store, observer=progress, stop=stop, patience_s=patience_s)
            return await work(service, show)


def _show_previews(
    config: Path | None, path: Path, options: FileOptions, listing: Listing, *, json_wanted: bool
) -> None:
    async def look() -> list[Preview]:
        async with open_store(config) as store:
            return await preview_path(ImportService(store), path, options, listing)

    previews = asyncio.run(look())
    if json_wanted:
        typer.echo(printable_json([preview_as_json(one) for one in previews]))
        return
    for one in previews:
        typer.echo("\n".join(preview_lines(one)))
    typer.echo("nothing was stored: this was a dry run")


def _column(text: str) -> tuple[str, str]:
    name, equals, heading = text.partition("=")
    if not equals or not heading.strip():
        raise typer.BadParameter(f"{text!r} is not NAME=HEADING", param_hint="--column")
    return name.strip().lower(), heading.strip()


def _zone(name: str | None) -> str | None:
    if name is not None:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise typer.BadParameter(
                f"no time zone {name!r}; as Asia/Seoul", param_hint="--timezone"
            ) from error
    return name
