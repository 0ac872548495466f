"""The commands `stock-analysis sentiment ...`."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import asyncpg
import orjson
import typer

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.kit.db import Role, database_user, open_pool
from stock_analysis.kit.settings import CONFIG_FILE_VARIABLE, Settings, load_settings
from stock_analysis.kit.terminal import printable
from stock_analysis.sentiment.posts import key_of
from stock_analysis.sentiment.repository import PostgresPostStore
from stock_analysis.sentiment.sample import load_sample
from stock_analysis.sentiment.sources.catalogue import ABOUT
from stock_analysis.sentiment.standing import list_sources

app = typer.Typer(help="Posts: their sources, and what is to be forgotten.", no_args_is_help=True)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings as TOML.", envvar=CONFIG_FILE_VARIABLE),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
T = TypeVar("T")


@app.command("sources")
def sources_command(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show each source of posts: whether it is on, how it stands, what it needs and has used today."""
    found = run_with_store(config, list_sources)
    if as_json:
        typer.echo(orjson.dumps(found).decode())
        return
    for one in found["items"]:
        typer.echo("\n".join(_source_lines(one)))
    typer.echo("All are written after their sources' documents; none was ever run live by us.")
    if found["sample"]:
        typer.echo("Posts of the sample, which we wrote, are shown until a source is on.")
    if not any(one["configured"] for one in found["items"]):
        typer.echo('No source is on. In the settings: sentiment_sources = ["bluesky"]; then start anew.')


@app.command("forget")
def forget_command(
    source: Annotated[str, typer.Option("--source", help=f"One of {', '.join(ABOUT)}.")],
    author: Annotated[
        str | None, typer.Option("--author", help="The source's id of the account: all its posts, for good.")
    ] = None,
    post: Annotated[str | None, typer.Option("--post", help="The source's id of one post.")] = None,
    config: ConfigFile = None,
) -> None:
    """Delete what an author wrote, or one post: storage, buckets and answers; it is not taken again."""
    if (author is None) == (post is None):
        raise InvalidInputError("say which: --author ID or --post ID")
    if source not in ABOUT:
        raise InvalidInputError(f"there is no source {source[:40]!r}; there are {', '.join(ABOUT)}")
    named = author if author is not None else post or ""
    if not 0 < len(named) <= 512 or not named.isprintable():
        raise InvalidInputError("an id is 1 to 512 printable characters, as the source writes it")

    async def forget(store: PostgresPostStore, _: Settings) -> int:
        if author is not None:
            return await store.forget_author(source, author)
        return await store.forget_post(key_of(source, named))

    typer.echo(f"{run_with_store(config, forget):,} posts deleted; what comes of this is not taken again")


def load_sample_posts(config: Path | None) -> None:
    """Store the posts of the sample where there are none yet; part of `import-sample`.

    Under a role that may not, as that of the imports alone, they are left out, and that is said.
    """

    async def load(store: PostgresPostStore, settings: Settings) -> int:
        return 0 if settings.sentiment_sources else await load_sample(store)

    try:
        run_with_store(config, load)
    except asyncpg.InsufficientPrivilegeError:
        user = database_user(load_settings(config).settings, Role.SENTIMENT)
        typer.echo(
            f"stock-analysis: the posts of the sample are left out: the database role {user} may not write"
            " posts; the setting database_sentiment names the one that may",
            err=True,
        )


def run_with_store(config: Path | None, work: Callable[[PostgresPostStore, Settings], Awaitable[T]]) -> T:
    """Do work on the store of these settings, under the role of the sentiment-service."""

    async def run() -> T:
        settings = load_settings(config).settings
        async with await open_pool(settings, Role.SENTIMENT, application_name="stock-analysis") as pool:
            return await work(PostgresPostStore(pool, settings.sentiment_text_ttl_days), settings)

    return asyncio.run(run())


def _source_lines(one: dict[str, Any]) -> list[str]:
    reason = f": {printable(one['reason'], longest=300)}" if one["reason"] else ""
    lines = [f"{one['name']:8} {one['title']}: {one['state']}{reason}"]
    if one["configured"]:
        newest = f"{one['last_post_at']:%Y-%m-%d %H:%M} UTC" if one["last_post_at"] else "none yet"
        lines.append(f"         newest post {newest}; today {one['posts_today']:,} posts")
        if one["spent_most_usd"] is not None:
            lines.append(f"         ${one['spent_today_usd']:.3f} of ${one['spent_most_usd']:.2f} today")
    elif one["needs"]:
        lines.append(f"         needs {', '.join(one['needs'])}")
    return [*lines, f"         {one['note']}"]
