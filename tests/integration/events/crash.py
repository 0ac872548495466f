"""kill -9 of relay, consumer, database and log in mid-flow, with a ledger of what was written.

EVENTS_CRASH_ROUNDS says how many kills; the default keeps the suite quick.
"""

import asyncio
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from stock_analysis.kit.db import CONNECTION_ERRORS
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment
from stock_analysis.testing.postgres import PostgresCluster, connect
from stock_analysis.testing.processes import Server, free_port, server_folder
from tests.integration.events.ledger import effects, open_ledger, settled, write, written

ROUNDS = int(os.environ.get("EVENTS_CRASH_ROUNDS", "8"))
KEYS = tuple(f"K{number}" for number in range(8))
BIN = Path(sys.executable).parent
CHECKOUT = Path(__file__).parents[3]
SETTLE_S = 180.0


@dataclass
class Party:
    """A process of the platform, which can be killed and started again; it ends with the test run."""

    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    server: Server | None = None

    def start(self) -> None:
        told = [f"{name}={value}" for name, value in self.environ.items()]
        self.server = Server(["env", *told, *self.command], self.log)

    def kill(self) -> None:
        if self.server is not None:
            os.kill(self.server.pid, signal.SIGKILL)
            self.server.stop()
            self.server = None


@contextmanager
def parties(settings: Settings) -> Iterator[dict[str, Party]]:
    """The relay as it is installed, and the consumer of the ledger."""
    folder = server_folder("parties")
    environ = environment(settings) | {"STOCK_RELAY_PORT": str(free_port()), "PYTHONPATH": str(CHECKOUT)}
    found = {
        "relay": Party(
            [str(BIN / "stock-analysis"), "serve", "--target", "relay"], environ, folder / "relay"
        ),
        "consumer": Party(
            [sys.executable, "-m", "tests.integration.events.party"], environ, folder / "consumer"
        ),
    }
    with ExitStack() as stack:
        for party in found.values():
            party.start()
            stack.callback(party.kill)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield found


async def survive(
    settings: Settings, cluster: PostgresCluster, kill_log: Callable[[random.Random], None], seed: int
) -> str:
    """Write while parties are killed, then compare; returns what was done, in a line."""
    dice = random.Random(seed)
    connection = await connect(settings)
    await open_ledger(connection, KEYS)
    await connection.close()
    stop = asyncio.Event()
    with parties(settings) as processes:
        writers = [asyncio.create_task(_write_on(settings, key, stop)) for key in KEYS]
        kills = {"relay": 0, "consumer": 0, "postgresql": 0, "log": 0}
        for number in range(ROUNDS):
            await asyncio.sleep(dice.uniform(0.1, 1.5))
            victim = tuple(kills)[number % len(kills)]
            kills[victim] += 1
            if victim == "postgresql":
                await asyncio.to_thread(_restart, cluster)
            elif victim == "log":
                await asyncio.to_thread(kill_log, dice)
            else:
                processes[victim].kill()
                processes[victim].start()
        stop.set()
        await asyncio.gather(*writers)
        connection = await connect(settings)
        await settled(connection, SETTLE_S)
    sent, arrived = await written(connection), await effects(connection)
    dead = await connection.fetchval("SELECT count(*) FROM dead_letter")
    await connection.close()
    lost = {key: sorted(set(sent[key]) - set(arrived[key])) for key in KEYS}
    twice = {key: len(arrived[key]) - len(set(arrived[key])) for key in KEYS}
    assert not any(lost.values()), f"lost: {lost}"
    assert not any(twice.values()), f"twice: {twice}"
    assert arrived == sent, "the order of a key was not kept"
    assert dead == 0
    told = ", ".join(f"{name} {count}" for name, count in kills.items())
    return f"{sum(map(len, sent.values())):,} events, kills: {told}; nothing lost, none twice, order kept"


def _restart(cluster: PostgresCluster) -> None:
    cluster.kill()
    cluster.start()


async def _write_on(settings: Settings, key: str, stop: asyncio.Event) -> None:
    """Write for ever, over all that happens to the database."""
    connection: asyncpg.Connection | None = None
    while not stop.is_set():
        try:
            connection = connection or await connect(settings)
            await write(connection, key, count=random.randint(1, 5))
            await asyncio.sleep(0.02)
        except CONNECTION_ERRORS:
            if connection is not None:
                connection.terminate()
            connection = None
            await asyncio.sleep(0.1)
    if connection is not None:
        await connection.close()
