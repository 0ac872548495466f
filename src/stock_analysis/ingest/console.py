"""What the commands of this package share: options, the store, Ctrl-C."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

import asyncpg
import typer

from stock_analysis.ingest.landing import ImportStoppedError
from stock_analysis.ingest.repository import PostgresPriceStore
from stock_analysis.kit.db import Role, open_pool
from stock_analysis.kit.request_id import current_request_id, usable_or_new
from stock_analysis.kit.settings import CONFIG_FILE_VARIABLE, load_settings

FAILED, NOTHING_LANDED, INTERRUPTED = 1, 3, 130
TIMEOUT_S = 60.0
"""Of one statement: a batch takes longer than a request may."""

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings as TOML.", envvar=CONFIG_FILE_VARIABLE),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
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


@asynccontextmanager
async def open_store(config: Path | None) -> AsyncIterator[PostgresPriceStore]:
    """The price store of the settings in force, with time for whole batches."""
    async with open_pool_of(config) as pool:
        yield PostgresPriceStore(pool)


@asynccontextmanager
async def open_pool_of(config: Path | None, role: Role = Role.WRITER) -> AsyncIterator[asyncpg.Pool]:
    """Connections to the database of the settings in force, with time for whole batches."""
    current_request_id.set(usable_or_new(None))  # the events of the command bear it
    settings = load_settings(config).settings.model_copy(update={"database_timeout_s": TIMEOUT_S})
    pool = await open_pool(settings, role, application_name="stock-analysis-import")
    try:
        yield pool
    finally:
        pool.terminate()
