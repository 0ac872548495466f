"""The commands `stock-analysis exchange list | add | session`."""

import asyncio
import json
import re
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import available_timezones

import typer

from stock_analysis.domain.calendars import load_calendar, session_change
from stock_analysis.domain.errors import InvalidInputError, UnavailableError
from stock_analysis.domain.instruments import Exchange
from stock_analysis.domain.markets import check_exchange, markets
from stock_analysis.ingest.console import AsJson, ConfigFile, open_store
from stock_analysis.ingest.repository import SQL
from stock_analysis.kit.db import CONNECTION_ERRORS, Role, connect
from stock_analysis.kit.settings import load_settings
from stock_analysis.kit.terminal import printable

exchange_app = typer.Typer(help="Markets and their calendars.", no_args_is_help=True)
_HOURS = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)")

Mic = Annotated[str, typer.Argument(metavar="MIC", help="ISO 10383 code, as XNYS.")]


@exchange_app.command("list")
def list_command(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List the markets with calendar, time zone, currency and suffixes."""
    rows = [_row(one) for _, one in sorted(asyncio.run(_exchanges(config)).items())]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        suffixes = " ".join(f".{one}" for one in row["suffixes"])
        name = printable(str(row["name"]))
        typer.echo(f"{row['mic']}  {name:42} {row['timezone']:32} {row['currency']}  {suffixes}")


@exchange_app.command("add")
def add_command(
    mic: Mic,
    name: Annotated[str, typer.Option(help="What people call it.")],
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="As Africa/Lagos.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code.")],
    calendar: Annotated[
        str | None, typer.Option(help="Of a market with the same sessions (package exchange_calendars).")
    ] = None,
    hours: Annotated[
        str | None, typer.Option(metavar="HH:MM-HH:MM", help="Instead: Monday to Friday, without holidays.")
    ] = None,
    suffix: Annotated[list[str] | None, typer.Option(help="Of symbols that name it; repeatable.")] = None,
    config: ConfigFile = None,
) -> None:
    """Add a market, or change one that was added."""
    code, money = mic.strip().upper(), currency.strip().upper()
    if not re.fullmatch("[A-Z0-9]{4}", code) or not re.fullmatch("[A-Z]{3}", money):
        raise InvalidInputError("a market has a code of 4 letters or digits, and a currency of 3 letters")
    if code in markets():
        raise InvalidInputError(f"{code} is shipped; correct its days with `stock-analysis exchange session`")
    if timezone not in available_timezones():
        raise InvalidInputError(f"no time zone is named {timezone[:40]!r}; write it as Africa/Lagos")
    if (calendar is None) == (hours is None):
        raise InvalidInputError("say either --calendar NAME or --hours 09:30-16:00")
    sessions = calendar or "weekdays {}-{} {}".format(*_hours(hours or ""), timezone)
    load_calendar(sessions)
    suffixes = [one.strip().lstrip(".").upper() for one in suffix or ()]
    asyncio.run(_execute(config, "put_exchange", code, name, sessions, timezone, money, suffixes))
    typer.echo(f"{code} is known, its sessions are: {sessions}")


@exchange_app.command("session")
def session_command(
    mic: Mic,
    day: Annotated[str, typer.Argument(metavar="DATE", help="As 2021-11-18.")],
    hours: Annotated[
        str | None, typer.Option(metavar="HH:MM-HH:MM", help="There is a session with these hours.")
    ] = None,
    closed: Annotated[bool, typer.Option("--closed", help="There is no session.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="As the calendar has it.")] = False,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    config: ConfigFile = None,
) -> None:
    """Correct one day of a market's calendar, on its own clock; markets that share the calendar follow."""
    if (hours is not None) + closed + reset != 1:
        raise InvalidInputError("say one of --hours 10:00-16:30, --closed, --reset")
    try:
        when = date.fromisoformat(day)
    except ValueError:
        raise InvalidInputError(f"{day[:20]!r} is no date; write it as 2021-11-18") from None
    known = asyncio.run(_exchanges(config))
    exchange = known[check_exchange(mic, known)]
    if reset:
        asyncio.run(_execute(config, "reset_session", exchange.calendar, when))
    else:
        ends = [time.fromisoformat(one) for one in _hours(hours)] if hours else [None, None]
        change = session_change(when, exchange.timezone, ends[0], ends[1])
        opens, closes = (t and datetime.fromtimestamp(t, UTC) for t in (change.opens, change.closes))
        asyncio.run(_execute(config, "change_session", exchange.calendar, when, opens, closes, note))
    sharing = ", ".join(one.mic for one in known.values() if one.calendar == exchange.calendar)
    typer.echo(f"{when} is corrected for {sharing}")


def _hours(text: str) -> tuple[str, str]:
    match = _HOURS.fullmatch(text.strip())
    try:
        ends = [time.fromisoformat(one) for one in match.groups()] if match else []
    except ValueError:
        ends = []
    if not ends:
        raise InvalidInputError(f"{text[:20]!r} are no hours; write them as 09:30-16:00")
    return f"{ends[0]:%H:%M}", f"{ends[1]:%H:%M}"


def _row(one: Exchange) -> dict[str, Any]:
    shipped = sorted(markets()[one.mic].suffixes) if one.mic in markets() else []
    return {
        "mic": one.mic,
        "name": one.name,
        "calendar": one.calendar,
        "timezone": one.timezone,
        "currency": one.currency,
        "suffixes": [*shipped, *one.suffixes],
    }


async def _exchanges(config: Path | None) -> dict[str, Exchange]:
    async with open_store(config) as store:
        return await store.exchanges()


async def _execute(config: Path | None, statement: str, *arguments: object) -> None:
    """One statement as the owner of the tables: the role that imports may not change markets."""
    try:
        connection = await connect(load_settings(config).settings, Role.OWNER)
    except CONNECTION_ERRORS as error:
        raise UnavailableError("PostgreSQL", str(error) or type(error).__name__) from error
    try:
        await connection.execute(SQL[statement], *arguments)
    finally:
        await connection.close()
