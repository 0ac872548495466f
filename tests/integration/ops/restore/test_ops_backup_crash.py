"""PostgreSQL is killed again and again under load; a restore afterwards has everything that was acknowledged.

CRASH_ROUNDS says how many times; the default keeps the suite quick. See CONTRIBUTING.md.
"""

import asyncio
import os
import random
import shutil
import signal
import threading
import time
from collections import Counter

import asyncpg
import psutil
import pytest

from stock_ops.archive.facts.server import Address, read_address
from tests.integration.ops.backed_up import verb
from tests.integration.ops.instance import Instance, wait_for

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "5"))
BATCH = 50
BACK_S = 90.0


class Load:
    """Writes batch after batch of numbers; knows which were acknowledged, and which were only tried."""

    def __init__(self, address: Address) -> None:
        self._address, self._stop = address, threading.Event()
        self.sessions = 0
        self.tried: set[int] = set()
        self.acknowledged: set[int] = set()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._write()))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    async def _write(self) -> None:
        number = 0
        while not self._stop.is_set():
            try:
                connection = await self._address.connect()
                self.sessions += 1
                try:
                    while not self._stop.is_set():
                        batch = range(number, number + BATCH)
                        number = batch.stop
                        self.tried.update(batch)
                        await connection.execute("INSERT INTO ledger SELECT unnest($1::bigint[])", [*batch])
                        self.acknowledged.update(batch)
                finally:
                    connection.terminate()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                await asyncio.sleep(0.05)


def victim(instance: Instance) -> psutil.Process:
    """The postmaster, or one of its children: each takes the whole server down."""
    postmaster = psutil.Process(instance.pid("postgresql"))
    return random.choice([postmaster, *postmaster.children()])


@pytest.mark.fault
@pytest.mark.timeout(300 + 30 * ROUNDS)
def test_nothing_acknowledged_is_lost_however_often_postgresql_is_killed(stubbed: Instance) -> None:
    stubbed.up()
    stubbed.sql("CREATE TABLE ledger (number bigint); GRANT INSERT ON ledger TO stock_backup")
    verb(stubbed, "backup", "create")
    load = Load(read_address(stubbed.layout))
    load.start()
    try:
        for _ in range(ROUNDS):
            before = len(load.acknowledged)
            wait_for(lambda: len(load.acknowledged) > before + 20 * BATCH, "the load goes on", BACK_S)  # noqa: B023 - called at once
            time.sleep(random.uniform(2.0, 3.0))
            killed = load.sessions
            os.kill(victim(stubbed).pid, signal.SIGKILL)
        wait_for(lambda: load.sessions > killed, "it came back after the last kill", BACK_S)
        before = len(load.acknowledged)
        wait_for(lambda: len(load.acknowledged) > before, "the load goes on", BACK_S)
    finally:
        load.stop()
    assert stubbed.run("down", "--json").json["archive_trouble"] is None
    shutil.rmtree(stubbed.layout.postgresql)

    restored = stubbed.run("restore", "--yes", "--json")
    assert restored.code == 0, restored.out
    stubbed.up()
    found = Counter(map(int, stubbed.sql("SELECT number FROM ledger").split()))
    assert len(load.acknowledged) > ROUNDS * 20 * BATCH
    lost, twice = load.acknowledged - found.keys(), [n for n, count in found.items() if count > 1]
    assert (len(lost), len(twice), len(found.keys() - load.tried)) == (0, 0, 0), (
        min(lost, default=None),
        twice[:5],
    )
