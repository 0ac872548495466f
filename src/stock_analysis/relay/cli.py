"""The commands `stock-analysis events ...`."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import asyncpg
import typer

from stock_analysis.domain.errors import InvalidInputError, UnavailableError
from stock_analysis.kit.db import CONNECTION_ERRORS, Role, connect
from stock_analysis.kit.dead_letters import Listed, State, ask, list_dead
from stock_analysis.kit.settings import CONFIG_FILE_VARIABLE, load_settings
from stock_analysis.kit.terminal import printable
from stock_analysis.relay.standing import Standing, read_standing

app = typer.Typer(help="Events: how they stand, and what was set aside.", no_args_is_help=True)
dead_app = typer.Typer(help="Messages that a consumer could not deal with.", no_args_is_help=True)
app.add_typer(dead_app, name="dead")

NOT_ALL_REPLAYED = 3
LOOK_S = 0.2

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings as TOML.", envvar=CONFIG_FILE_VARIABLE),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers from `events dead list`.")]
OfConsumer = Annotated[str | None, typer.Option("--consumer", help="Only of this consumer.")]
OfTopic = Annotated[str | None, typer.Option("--topic", help="Only of this topic.")]

T = TypeVar("T")


@app.command("status")
def status_command(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show what waits to be published, how far each consumer is, and what was set aside."""
    standing = _run(config, read_standing)
    if as_json:
        typer.echo(json.dumps(standing.as_json()))
        return
    typer.echo("\n".join(standing_lines(standing)))


@dead_app.command("list")
def list_command(
    consumer: OfConsumer = None,
    topic: OfTopic = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Also those that were replayed or dismissed.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the oldest first.")] = 50,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List messages that were set aside, each with its reason."""
    state: State | None = None if show_all else "open"
    found = _run(config, lambda c: list_dead(c, consumer=consumer, topic=topic, state=state, limit=limit))
    if as_json:
        typer.echo(json.dumps({"items": [_as_json(one) for one in found]}))
        return
    for one in found:
        typer.echo(
            f"{one.id:>6}  {one.created_at:%Y-%m-%d %H:%M:%S}  {one.state:9}  {one.consumer}  {one.topic}  "
            f"{printable(one.key) or '-'}"
        )
        typer.echo(f"        after {one.attempts} tries: {printable(one.reason, longest=300)}")
    if not found:
        typer.echo("nothing was set aside")
    else:
        typer.echo("`stock-analysis events dead replay ID` tries again, `... dismiss ID` gives up")


@dead_app.command("replay")
def replay_command(
    ids: Ids = None,
    every: Annotated[bool, typer.Option("--all", help="All that are open.")] = False,
    consumer: OfConsumer = None,
    topic: OfTopic = None,
    wait_s: Annotated[float, typer.Option(min=0, max=600, help="How long to wait for the consumer.")] = 15,
    config: ConfigFile = None,
) -> None:
    """Have messages tried again by their consumer, in the order in which they came."""

    async def replay(connection: asyncpg.Connection) -> Sequence[Listed]:
        wanted = await _chosen(connection, ids, every=every, consumer=consumer, topic=topic)
        await ask(connection, wanted, "asked")
        deadline = time.monotonic() + wait_s
        while True:
            found = await list_dead(connection, ids=wanted, state=None, limit=len(wanted) or 1)
            if time.monotonic() >= deadline or all(one.state != "asked" for one in found):
                return found
            await asyncio.sleep(LOOK_S)

    found = _run(config, replay)
    counts = Counter(one.state for one in found)
    typer.echo(f"{counts['replayed']:,} replayed, {counts['open']:,} failed again, {counts['asked']:,} wait")
    for one in found:
        if one.state == "open":
            typer.echo(f"{one.id:>6}  {printable(one.reason, longest=300)}")
    if counts["asked"]:
        names = sorted({one.consumer for one in found if one.state == "asked"})
        typer.echo(
            f"they are tried as soon as their consumer runs: {', '.join(names)}; `stockops status` tells"
        )
    if counts["replayed"] < len(found):
        raise typer.Exit(NOT_ALL_REPLAYED)


@dead_app.command("dismiss")
def dismiss_command(
    ids: Ids = None,
    every: Annotated[bool, typer.Option("--all", help="All that are open.")] = False,
    consumer: OfConsumer = None,
    topic: OfTopic = None,
    config: ConfigFile = None,
) -> None:
    """Give messages up: what they told will not be done."""

    async def dismiss(connection: asyncpg.Connection) -> Sequence[int]:
        wanted = await _chosen(connection, ids, every=every, consumer=consumer, topic=topic)
        return await ask(connection, wanted, "dismissed")

    typer.echo(f"{len(_run(config, dismiss)):,} dismissed")


async def _chosen(
    connection: asyncpg.Connection,
    ids: Sequence[int] | None,
    *,
    every: bool,
    consumer: str | None,
    topic: str | None,
) -> list[int]:
    if bool(ids) == every:
        raise InvalidInputError("say which: numbers from `stock-analysis events dead list`, or --all")
    found = await list_dead(connection, ids=ids, consumer=consumer, topic=topic, state="open", limit=100_000)
    missing = sorted(set(ids or ()) - {one.id for one in found})
    if missing:
        listed = ", ".join(map(str, missing[:10]))
        raise InvalidInputError(
            f"not open, or not there: {listed}; `stock-analysis events dead list --all` shows"
        )
    return [one.id for one in found]


def standing_lines(standing: Standing) -> list[str]:
    """How the events stand, for a person."""
    oldest = f", the oldest for {standing.oldest_s:,.0f} s" if standing.waiting else ""
    lines = [f"outbox    {standing.waiting:,} wait to be published{oldest}"]
    for topic, one in standing.delivered.items():
        lines.append(
            f"arrived   {topic}: {one.events:,}, the last one told at {one.last_at:%Y-%m-%d %H:%M:%S} UTC"
        )
    for name, moved_at in standing.consumers.items():
        lines.append(f"consumer  {name}: moved at {moved_at:%Y-%m-%d %H:%M:%S} UTC")
    for (name, topic), messages in standing.dead.items():
        lines.append(f"set aside {messages:,} of {topic} by {name}: `stock-analysis events dead list`")
    return lines


def _as_json(one: Listed) -> dict[str, object]:
    return {
        "id": one.id,
        "consumer": one.consumer,
        "topic": one.topic,
        "partition": one.partition,
        "position": one.position,
        "key": one.key,
        "headers": one.headers,
        "data": one.data.decode(errors="backslashreplace"),
        "reason": one.reason,
        "attempts": one.attempts,
        "state": one.state,
        "created_at": one.created_at.isoformat(),
        "resolved_at": one.resolved_at.isoformat() if one.resolved_at else None,
    }


def _run(config: Path | None, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        try:
            connection = await connect(load_settings(config).settings, Role.RELAY)
        except CONNECTION_ERRORS as error:
            raise UnavailableError("PostgreSQL", str(error) or type(error).__name__) from error
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())
