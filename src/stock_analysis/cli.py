"""The command `stock-analysis`."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer
import uvloop

from stock_analysis import __version__
from stock_analysis.domain.errors import StockAnalysisError, UnavailableError
from stock_analysis.gateway.cli import app as keys_app
from stock_analysis.ingest.cli import add_commands as add_ingest_commands
from stock_analysis.kit.db import CONNECTION_ERRORS, Role, connect
from stock_analysis.kit.errors import KitError
from stock_analysis.kit.logging import configure_logging
from stock_analysis.kit.migrations import GRANTS, check_may_run, grant, migrate, read_migrations
from stock_analysis.kit.resources import resource
from stock_analysis.kit.settings import (
    CONFIG_FILE_VARIABLE,
    Settings,
    SettingsError,
    describe_settings,
    load_settings,
)
from stock_analysis.kit.terminal import printable
from stock_analysis.relay.cli import app as events_app
from stock_analysis.sentiment.cli import app as sentiment_app
from stock_analysis.sentiment.cli import load_sample_posts

FAILED, USAGE, UNREACHABLE, INTERRUPTED = 1, 2, 4, 130

app = typer.Typer(
    name="stock-analysis",
    help="A self-hosted stock chart analysis platform.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(help="Show the settings.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(keys_app, name="keys")
app.add_typer(events_app, name="events")
app.add_typer(sentiment_app, name="sentiment")
add_ingest_commands(app, load_sample_posts)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings as TOML.", envvar=CONFIG_FILE_VARIABLE),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("serve")
def serve_command(
    target: Annotated[str, typer.Option(help="What runs in this process.")] = "all",
    config: ConfigFile = None,
    list_targets: Annotated[
        bool, typer.Option("--list-targets", help="Print what each target opens.")
    ] = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then let the requests under way finish."""
    from stock_analysis.targets import TARGETS, module_order, run_target

    if list_targets:
        for name in TARGETS:
            typer.echo(f"{name}: {' -> '.join(module_order(name))}")
        return
    if target not in TARGETS:
        raise typer.BadParameter(f"{target!r} is not one of {', '.join(TARGETS)}", param_hint="--target")
    settings = load_settings(config).settings
    configure_logging(f"stock-analysis-{target}", settings.log_format, settings.log_level)
    uvloop.run(run_target(target, settings))


@app.command("migrate")
def migrate_command(
    config: ConfigFile = None,
    phase: Annotated[
        str, typer.Option(help="pre (before the new code runs), post (after the old is gone) or all.")
    ] = "all",
    patience_s: Annotated[
        float,
        typer.Option("--patience", min=0, help="Seconds to wait for a server that does not answer."),
    ] = 0.0,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether this version may run on the schema as it is.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database to this version's schema; a second run changes nothing."""
    if phase not in ("pre", "post", "all"):
        raise typer.BadParameter(f"{phase!r} is not one of pre, post, all", param_hint="--phase")
    if check:
        asyncio.run(_check_schema(load_settings(config).settings, patience_s))
        typer.echo(json.dumps({"may_run": True}) if as_json else "this version may run on the schema")
        return
    phases = frozenset({"pre", "post"} if phase == "all" else {phase})
    applied = asyncio.run(_migrate(load_settings(config).settings, phases, patience_s))
    names = [one.label for one in applied]
    if as_json:
        typer.echo(json.dumps({"applied": names}))
    else:
        typer.echo("\n".join(f"applied {name}" for name in names) or "no changes: the schema is up to date")


async def _migrate(settings: Settings, phases: frozenset[str], patience_s: float) -> list[Any]:
    connection = await _connect(settings, patience_s)
    try:
        folder = resource("migrations")
        done = await migrate(connection, read_migrations(folder), phases=phases)
        await grant(connection, (folder / GRANTS).read_text())
        return list(done)
    finally:
        await connection.close()


async def _check_schema(settings: Settings, patience_s: float) -> None:
    connection = await _connect(settings, patience_s)
    try:
        await check_may_run(connection, read_migrations(resource("migrations")))
    finally:
        await connection.close()


async def _connect(settings: Settings, patience_s: float) -> asyncpg.Connection:
    """The owner's connection. Raises UnavailableError when the server does not answer within the patience."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return await connect(settings, Role.OWNER)
        except CONNECTION_ERRORS as error:
            if time.monotonic() >= deadline:
                raise UnavailableError("PostgreSQL", str(error) or type(error).__name__) from error
        await asyncio.sleep(1)


@config_app.command("show")
def config_show(
    config: ConfigFile = None,
    source: Annotated[bool, typer.Option("--source", help="Say where each value came from.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print every setting in force; secrets are masked."""
    loaded = load_settings(config)
    values = loaded.settings.model_dump(mode="json")
    if as_json:
        shown = {name: {"value": value, "source": loaded.sources[name]} for name, value in values.items()}
        typer.echo(json.dumps(shown, indent=2))
        return
    width = max(map(len, values))
    for name, value in values.items():
        origin = f"  # {loaded.sources[name]}" if source else ""
        typer.echo(f"{name:{width}} = {json.dumps(value)}{origin}")


@config_app.command("docs", hidden=True)
def config_docs() -> None:
    """Print the table of docs/settings.md."""
    typer.echo(describe_settings(), nl=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stock-analysis {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command; an expected failure is one readable line and an exit code, never a traceback."""
    sys.exit(_exit_code(app))


def _exit_code(command: Callable[[], None]) -> int:
    try:
        command()
    except SettingsError as error:
        return _fail(USAGE, str(error))
    except UnavailableError as error:
        return _fail(UNREACHABLE, f"{error}. Is the platform up? `stockops status` tells.")
    except (StockAnalysisError, KitError) as error:
        return _fail(FAILED, str(error))
    except KeyboardInterrupt:
        return _fail(INTERRUPTED, "interrupted; run the same command again to go on")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 0
    return 0


def _fail(code: int, message: str) -> int:
    for line in message.splitlines():
        typer.echo(f"stock-analysis: {printable(line, longest=2000)}", err=True)
    return code
