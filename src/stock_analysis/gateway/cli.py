"""The commands `stock-analysis keys ...`."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from stock_analysis.domain.errors import InvalidInputError, UnavailableError
from stock_analysis.gateway.keys import REVOKED_WITHIN_S, create_key
from stock_analysis.gateway.peppers import Peppers
from stock_analysis.gateway.ports import ApiKey, KeyScope
from stock_analysis.gateway.repository import PostgresKeyStore
from stock_analysis.kit.db import CONNECTION_ERRORS, Role, connect
from stock_analysis.kit.settings import CONFIG_FILE_VARIABLE, load_settings, secret

app = typer.Typer(help="API keys: make, list, revoke.", no_args_is_help=True)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings as TOML.", envvar=CONFIG_FILE_VARIABLE),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_DAYS = re.compile(r"(\d{1,5})d")


@app.command("create")
def create_command(
    name: Annotated[str, typer.Argument(help="Who or what the key is for.")],
    scope: Annotated[
        list[KeyScope] | None,
        typer.Option(help="What it may be used for: read (default), operate; repeatable."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="90d or 2027-01-31 (its first instant, UTC).")
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once."""
    expires_at = parse_expiry(expires, datetime.now(UTC)) if expires else None
    token, key = create_key(name, frozenset(scope or [KeyScope.READ]), expires_at)
    asyncio.run(_add(config, key))
    if as_json:
        typer.echo(json.dumps({"key": token, **describe_key(key)}))
        return
    typer.echo(token)
    typer.echo("Keep it now: it is stored nowhere. Send it as `Authorization: Bearer <key>`.", err=True)


@app.command("list")
def list_command(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List all keys, the oldest first; none can be shown again."""
    keys = [describe_key(key) for key in asyncio.run(_all(config))]
    if as_json:
        typer.echo(json.dumps({"items": keys}))
        return
    for key in keys:
        columns = (key["prefix"], f"{key['state']:7}", f"{','.join(key['scopes']):12}")
        times = (f"expires {key['expires_at'] or 'never'}", f"used {key['last_used_at'] or 'never'}")
        typer.echo("  ".join((*columns, *times, key["name"])))
    if not keys:
        typer.echo("no keys; make one with `stock-analysis keys create NAME`")


@app.command("revoke")
def revoke_command(
    prefix: Annotated[str, typer.Argument(help="The 8 characters that `keys list` shows.")],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a key unusable, for good."""
    if not asyncio.run(_revoke(config, prefix)):
        raise InvalidInputError(
            f"no key in use has the prefix {prefix!r}; `stock-analysis keys list` shows them"
        )
    if as_json:
        typer.echo(json.dumps({"prefix": prefix, "state": "revoked"}))
        return
    typer.echo(f"revoked {prefix}; every gateway refuses it within {REVOKED_WITHIN_S:g} s")


@app.command("reseal")
def reseal_command(
    plain: Annotated[
        bool, typer.Option("--plain", help="Without a pepper, before the data go where it is not known.")
    ] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Seal the stored hashes of all keys with the newest pepper. The keys themselves stay as they are."""
    try:
        count = asyncio.run(_reseal(config, plain=plain))
    except LookupError as error:
        raise InvalidInputError(
            f"{error}; put that pepper as the second line into its file, or revoke the key"
        ) from error
    if as_json:
        typer.echo(json.dumps({"resealed": count}))
        return
    typer.echo(f"resealed {count} key{'s' * (count != 1)}" if count else "no changes")


def parse_expiry(text: str, now: datetime) -> datetime:
    """When a key ends: days from now (90d), or an ISO date or instant (UTC unless it says otherwise)."""
    days = _DAYS.fullmatch(text)
    try:
        ends = now + timedelta(days=int(days[1])) if days else datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise InvalidInputError(f"--expires {text!r} is no time; write 90d or 2027-01-31") from error
    ends = ends if ends.tzinfo else ends.replace(tzinfo=UTC)
    if ends <= now:
        raise InvalidInputError(f"--expires {text!r} is in the past")
    return ends


def describe_key(key: ApiKey) -> dict[str, Any]:
    """What may be shown of a key."""
    ended = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
    return {
        "prefix": key.prefix,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": "revoked" if key.revoked_at else "expired" if ended else "active",
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "expires_at": key.expires_at.isoformat(timespec="seconds") if key.expires_at else None,
        "last_used_at": key.last_used_at.isoformat(timespec="seconds") if key.last_used_at else None,
    }


async def _add(config: Path | None, key: ApiKey) -> None:
    sealed = _peppers(config).seal(key)
    async with _key_store(config) as store:
        await store.add(sealed)


async def _reseal(config: Path | None, *, plain: bool) -> int:
    peppers = _peppers(config)
    seal = peppers.unseal if plain else peppers.seal
    async with _key_store(config) as store:
        sealed = [(key, seal(key)) for key in await store.all()]
        changed = [new for old, new in sealed if new != old]
        await store.reseal(changed)
    return len(changed)


def _peppers(config: Path | None) -> Peppers:
    return Peppers(secret(load_settings(config).settings, "api_key_pepper"))


async def _all(config: Path | None) -> Sequence[ApiKey]:
    async with _key_store(config) as store:
        return await store.all()


async def _revoke(config: Path | None, prefix: str) -> bool:
    async with _key_store(config) as store:
        return await store.revoke(prefix)


@asynccontextmanager
async def _key_store(config: Path | None) -> AsyncIterator[PostgresKeyStore]:
    try:
        connection = await connect(load_settings(config).settings, Role.OWNER)
    except CONNECTION_ERRORS as error:
        raise UnavailableError("PostgreSQL", str(error) or type(error).__name__) from error
    try:
        yield PostgresKeyStore(connection)
    finally:
        await connection.close()
