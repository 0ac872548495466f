"""A database that was restored, and a log that was not: consumers come to the state of the rows."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stock_analysis.kit.event_logs import open_event_log
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.postgres import PostgresCluster, connect
from stock_analysis.testing.valkey import ValkeyServer
from tests.integration.events.flow_contract import flowing
from tests.integration.events.ledger import effects, open_ledger, settled, write, written


@pytest.fixture
def cluster() -> Iterator[PostgresCluster]:
    cluster = PostgresCluster()
    yield cluster
    cluster.remove()


class Backup:
    """The files of a cluster that is stopped, put back as PostgreSQL restores: on a new timeline."""

    def __init__(self, cluster: PostgresCluster, folder: Path) -> None:
        self._cluster, self._kept = cluster, folder / "kept"
        self._data = cluster._folder / "data"
        cluster.stop()
        shutil.copytree(self._data, self._kept, symlinks=True)
        cluster.start()

    def restore(self) -> None:
        self._cluster.kill()
        owner = self._data.stat()
        shutil.rmtree(self._data)
        shutil.copytree(self._kept, self._data, symlinks=True)
        (self._data / "recovery.signal").touch()
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.write("restore_command = 'false'\nhot_standby = off\n")  # it is ready once it can write
        for path in (self._data, *self._data.rglob("*")):
            shutil.chown(path, owner.st_uid, owner.st_gid)
        self._cluster.start()


@pytest.mark.parametrize("log", ["the same log, which is ahead", "a new log, which is empty"])
async def test_after_a_restore_consumers_come_to_the_state_of_the_rows(
    cluster: PostgresCluster, valkey: ValkeyServer, tmp_path: Path, log: str
) -> None:
    """Events of the time that was taken back are in the log, and ids of the outbox are drawn again."""
    database = cluster.create_database()
    settings = Settings.model_validate(
        valkey.add_to(database).model_dump() | {"events_prefix": f"{tmp_path.name}.{len(log)}."}
    )
    connection = await connect(settings)
    await open_ledger(connection, ["K1", "K2"])
    async with open_event_log(settings) as events, flowing(settings, events):
        await write(connection, "K1", count=50)
        await settled(connection)
    await write(connection, "K1", count=10)  # nobody has published these
    await connection.close()
    backup = Backup(cluster, tmp_path)

    connection = await connect(settings)
    async with open_event_log(settings) as events, flowing(settings, events):
        await write(connection, "K1", count=7)
        await write(connection, "K2", count=30)
        await settled(connection)
    await connection.close()
    backup.restore()

    if log.startswith("a new log"):
        settings = settings.model_copy(update={"events_prefix": f"{settings.events_prefix}new."})
    connection = await connect(settings)
    assert await written(connection) == {"K1": list(range(1, 61)), "K2": []}
    async with open_event_log(settings) as events, flowing(settings, events):
        await write(connection, "K2", count=5)
        await settled(connection)
    assert await effects(connection) == await written(connection)
    histories = await connection.fetch("SELECT history FROM event_epoch ORDER BY number")
    assert [row["history"][-1] for row in histories] == ["1", "2"]
    await connection.close()
