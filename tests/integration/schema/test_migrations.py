"""The runner of migrations, on a real PostgreSQL."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stock_analysis.cli import UNREACHABLE
from stock_analysis.kit.db import Role, open_pool
from stock_analysis.kit.migrations import (
    MigrationError,
    check_may_run,
    check_schema,
    migrate,
    newest_pre,
    read_migrations,
)
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment
from stock_analysis.testing.platform import PROGRAM
from stock_analysis.testing.postgres import PostgresCluster, connect
from stock_analysis.testing.processes import free_port

PAIR = {
    "0001_pre_add.sql": "CREATE TABLE a (x int)",
    "0002_post_drop.sql": "DROP TABLE a",
    "0002_pre_copy.sql": "CREATE TABLE b AS SELECT * FROM a",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, sql in files.items():
        (folder / name).write_text(sql)
    return folder


@pytest.fixture
async def empty(postgres: PostgresCluster) -> Settings:
    return postgres.create_database(template="template0")


async def apply(settings: Settings, folder: Path, *phases: str) -> list[str]:
    connection = await connect(settings)
    try:
        chosen = frozenset(phases) or frozenset({"pre", "post"})
        return [one.label for one in await migrate(connection, read_migrations(folder), phases=chosen)]
    finally:
        await connection.close()


async def test_each_is_applied_once_the_pre_of_a_pair_first(empty: Settings, tmp_path: Path) -> None:
    folder = write(tmp_path, PAIR)
    assert await apply(empty, folder) == ["0001_pre_add", "0002_pre_copy", "0002_post_drop"]
    assert await apply(empty, folder) == []


async def test_before_a_release_only_what_the_old_code_bears_is_applied(
    empty: Settings, tmp_path: Path
) -> None:
    folder = write(tmp_path, PAIR)
    assert await apply(empty, folder, "pre") == ["0001_pre_add", "0002_pre_copy"]
    assert await apply(empty, folder, "pre", "post") == ["0002_post_drop"]


async def test_a_program_is_ready_once_all_that_must_come_before_it_is_applied(
    empty: Settings, tmp_path: Path
) -> None:
    folder = write(tmp_path, {**PAIR, "0003_post_clean.sql": "DROP TABLE b"})
    needed = newest_pre(read_migrations(folder))
    assert needed == 2
    async with await open_pool(empty, Role.OWNER, application_name="test") as pool:
        with pytest.raises(MigrationError, match="at migration 0000 and this program needs 0002: run `stock"):
            await check_schema(pool, needed)
        await apply(empty, folder, "pre")
        assert await check_schema(pool, needed) == "0002"
        assert await check_schema(pool, needed - 1) == "0002", "an older program goes on beside the newer one"
        with pytest.raises(MigrationError, match="needs 0003"):
            await check_schema(pool, needed + 1)


async def test_one_that_fails_leaves_nothing_behind_and_those_before_it_stand(
    empty: Settings, tmp_path: Path
) -> None:
    folder = write(tmp_path, {**PAIR, "0002_pre_copy.sql": "CREATE TABLE half (x int); SELECT nonsense"})
    with pytest.raises(MigrationError, match="0002_pre_copy was not applied"):
        await apply(empty, folder)
    connection = await connect(empty)
    names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    assert {row["tablename"] for row in names} == {"a", "schema_migration"}


async def test_two_at_once_apply_each_once(empty: Settings, tmp_path: Path) -> None:
    folder = write(tmp_path, PAIR)
    found = await asyncio.gather(*(apply(empty, folder) for _ in range(4)))
    assert sorted(len(one) for one in found) == [0, 0, 0, 3]


async def test_a_file_changed_after_it_was_applied_is_refused(empty: Settings, tmp_path: Path) -> None:
    folder = write(tmp_path, PAIR)
    await apply(empty, folder)
    write(tmp_path, {"0001_pre_add.sql": "CREATE TABLE a (x bigint)"})
    with pytest.raises(MigrationError, match="0001_pre_add was changed"):
        await apply(empty, folder)


async def test_a_database_ahead_of_the_program_is_refused(empty: Settings, tmp_path: Path) -> None:
    folder = write(tmp_path, PAIR)
    await apply(empty, folder)
    (tmp_path / "0002_post_drop.sql").unlink()
    with pytest.raises(MigrationError, match="install the newer version"):
        await apply(empty, folder)


@pytest.mark.parametrize("name", ["0004_pre_gap.sql", "0001_pre_twice.sql", "nonsense.sql", "0003_mid_x.sql"])
def test_a_folder_out_of_order_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MigrationError):
        read_migrations(write(tmp_path, {**PAIR, name: "SELECT 1"}))


async def may_run(settings: Settings, folder: Path) -> None:
    connection = await connect(settings)
    try:
        await check_may_run(connection, read_migrations(folder))
    finally:
        await connection.close()


async def test_a_program_may_run_until_what_comes_after_the_next_rollout_is_applied(
    empty: Settings, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    write(old, {"0001_pre_add.sql": PAIR["0001_pre_add.sql"]})
    write(new, PAIR)
    with pytest.raises(MigrationError, match=r"lacks 0001_pre_add: run .stock-analysis migrate"):
        await may_run(empty, old)
    await apply(empty, new, "pre")
    await may_run(empty, old)
    await apply(empty, new)
    with pytest.raises(MigrationError, match="has post migration 0002, which this program has not"):
        await may_run(empty, old)
    await may_run(empty, new)


async def test_who_has_patience_waits_for_a_server_that_does_not_answer_yet(empty: Settings) -> None:
    port = free_port()
    settings = empty.model_copy(update={"database_port": port})
    command = [str(PROGRAM), "migrate", "--json"]
    pipes: dict[str, Any] = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    environ = os.environ | environment(settings)

    hasty = await asyncio.create_subprocess_exec(*command, env=environ, **pipes)
    _, said = await hasty.communicate()
    assert hasty.returncode == UNREACHABLE, said
    assert b"PostgreSQL cannot be reached: " in said

    patient = await asyncio.create_subprocess_exec(*command, "--patience", "60", env=environ, **pipes)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(patient.wait(), 2)
    async with forwarding(port, empty):
        told, said = await patient.communicate()
    assert patient.returncode == 0, said
    assert json.loads(told)["applied"]


@asynccontextmanager
async def forwarding(port: int, settings: Settings) -> AsyncIterator[None]:
    """The database's server, at a port where it was not before."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection(settings.database_host, settings.database_port)
        await asyncio.gather(copy(reader, here), copy(there, writer))

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
        sink.close()

    async with await asyncio.start_server(forward, "127.0.0.1", port):
        yield
