"""The password of a role in a file: read at each new connection, so that a new one needs no restart."""

from pathlib import Path

import asyncpg
import pytest

from stock_analysis.kit.db import Role, connect, open_pool
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.postgres import PASSWORD, PostgresCluster


@pytest.fixture
def own(postgres: PostgresCluster, tmp_path: Path) -> Settings:
    """A role of this test's own, and its password in a file."""
    settings = postgres.create_database()
    role = f"reader_{settings.database_name}"
    postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'first'")
    (tmp_path / role).write_text("first\n")
    (tmp_path / settings.database_user).write_text(f"{PASSWORD}\n")
    return settings.model_copy(
        update={"database_reader": role, "database_passwords": tmp_path, "database_password": None}
    )


async def test_a_pool_goes_on_with_a_password_that_was_changed(
    own: Settings, postgres: PostgresCluster
) -> None:
    assert own.database_passwords is not None
    async with await open_pool(own, Role.READER, application_name="test") as pool:
        assert await pool.fetchval("SELECT current_user") == own.database_reader
        postgres.execute(f"ALTER ROLE {own.database_reader} PASSWORD 'second'")
        (own.database_passwords / own.database_reader).write_text("second\n")
        await pool.expire_connections()
        assert await pool.fetchval("SELECT current_user") == own.database_reader


async def test_each_role_has_its_own_file(own: Settings) -> None:
    assert own.database_passwords is not None
    (own.database_passwords / own.database_reader).write_text("wrong\n")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(own, Role.READER)
    owner = await connect(own, Role.OWNER)
    assert await owner.fetchval("SELECT current_user") == own.database_user
    await owner.close()


async def test_a_file_that_is_not_there_is_named(own: Settings) -> None:
    assert own.database_passwords is not None
    missing = own.database_passwords / own.database_reader
    missing.unlink()
    with pytest.raises(OSError, match=str(missing)):
        await connect(own, Role.READER)


async def test_a_pool_connects_at_every_step_of_a_change(own: Settings, postgres: PostgresCluster) -> None:
    """The file holds both, then the server changes over, then the old one goes."""
    role = own.database_reader
    assert own.database_passwords is not None
    file = own.database_passwords / role
    async with await open_pool(own, Role.READER, application_name="test") as pool:
        for content, change in (
            ("second\nfirst\n", None),
            ("second\nfirst\n", f"ALTER ROLE {role} PASSWORD 'second'"),
            ("second\n", None),
        ):
            file.write_text(content)
            if change:
                postgres.execute(change)
            await pool.expire_connections()
            assert await pool.fetchval("SELECT current_user") == role
    file.write_text("third\nfourth\n")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(own, Role.READER)


async def test_a_connection_finds_the_password_that_came_while_it_was_refused(
    own: Settings, postgres: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of the server between two tries: the new one is refused, then the old one, too."""
    role, tried, real = own.database_reader, [], asyncpg.connect
    assert own.database_passwords is not None
    (own.database_passwords / role).write_text("second\nfirst\n")

    async def change_over(*args: object, **more: object) -> asyncpg.Connection:
        tried.append(more["password"])
        try:
            return await real(*args, **more)
        finally:
            if len(tried) == 1:
                postgres.execute(f"ALTER ROLE {role} PASSWORD 'second'")

    monkeypatch.setattr(asyncpg, "connect", change_over)
    connection = await connect(own, Role.READER)
    await connection.close()
    assert tried == ["second", "first", "second"]
