"""The commands `stock-analysis instrument ...`."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from stock_analysis.ingest.console import ConfigFile, open_pool_of
from stock_analysis.ingest.housekeeping import Corrections, Held, InstrumentService
from stock_analysis.kit.db import Role

instrument_app = typer.Typer(help="Stored instruments: correct, rename, merge, delete.", no_args_is_help=True)

Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="As it is stored.")]
T = TypeVar("T")


@instrument_app.command("set")
def set_command(
    symbol: Symbol,
    name: Annotated[str | None, typer.Option(help="Its name.")] = None,
    exchange: Annotated[str | None, typer.Option(metavar="MIC", help="Where it is listed.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of its prices, as USD or GBX.")] = None,
    kind: Annotated[
        Literal["stock", "etf", "index", "future", "currency", "crypto"] | None,
        typer.Option(help="What it is."),
    ] = None,
    adjusted: Annotated[
        Literal["none", "split", "all"] | None,
        typer.Option(help="What its stored prices are free of already, up to the newest bar."),
    ] = None,
    alias: Annotated[
        list[str] | None, typer.Option(help="Another symbol by which imports mean it; repeatable.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Correct what is said of an instrument; its bars stay as they are."""
    to = Corrections(name, exchange, currency, kind, adjusted, alias or ())
    if to == Corrections():
        raise typer.BadParameter(
            "say what to change: --name, --exchange, --currency, --kind, --adjusted, --alias"
        )
    _run(config, lambda service: service.correct(symbol, to))
    typer.echo(f"{symbol.upper()} is corrected")


@instrument_app.command("rename")
def rename_command(
    symbol: Symbol,
    new: Annotated[str, typer.Argument(metavar="NEW", help="The symbol from now on.")],
    config: ConfigFile = None,
) -> None:
    """Give an instrument another symbol; imports by the old one still mean it."""
    _run(config, lambda service: service.rename(symbol, new))
    typer.echo(f"{symbol.upper()} is {new.upper()} from now on; imports of {symbol.upper()} still mean it")


@instrument_app.command("merge")
def merge_command(
    symbol: Symbol,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The one that stays.")],
    config: ConfigFile = None,
) -> None:
    """Move all of an instrument into another one; where both have a bar, that of the other stays."""
    moved = _run(config, lambda service: service.merge(symbol, into))
    typer.echo(f"{symbol.upper()} is part of {into.upper()} now: {_told(moved)} moved")


@instrument_app.command("delete")
def delete_command(
    symbol: Symbol,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFile = None,
) -> None:
    """Delete an instrument with all that is stored of it."""
    held = _run(config, lambda service: service.held(symbol))
    if not yes and not typer.confirm(f"Delete {symbol.upper()} with {_told(held)}?"):
        raise typer.Exit(1)
    gone = _run(config, lambda service: service.delete(symbol))
    typer.echo(f"{symbol.upper()} is deleted: {_told(gone)}")


def _told(held: Held) -> str:
    return f"{held.bars:,} bars, {held.actions:,} actions, {held.aside:,} rows aside"


def _run(config: Path | None, work: Callable[[InstrumentService], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_pool_of(config, Role.OWNER) as pool:
            return await work(InstrumentService(pool))

    return asyncio.run(run())
