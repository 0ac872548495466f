"""What each database role may do with each table: what migrations/grants.sql says, and no table without."""

from dataclasses import dataclass

import asyncpg
import pytest

from stock_analysis.kit.db import Role, connect
from stock_analysis.kit.migrations import GRANTS, MigrationError, grant, migrate, read_migrations
from stock_analysis.kit.resources import resource
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.postgres import PostgresCluster

READ, WRITE = "SELECT", "INSERT SELECT UPDATE"
RIGHTS: dict[str, dict[str, str]] = {
    "api_key": {"stock_gateway": READ},
    "bar_1d": {"stock_reader": READ, "stock_writer": WRITE},
    "bar_1m": {"stock_reader": READ, "stock_writer": WRITE},
    "calendar_change": {"stock_reader": READ, "stock_writer": READ},
    "corporate_action": {"stock_reader": READ, "stock_writer": f"DELETE {WRITE}"},
    "dead_letter": {"stock_gateway": READ, "stock_relay": f"DELETE {WRITE}"},
    "event_delivery": {"stock_gateway": READ, "stock_relay": f"DELETE {WRITE}"},
    "event_epoch": {"stock_relay": READ},
    "event_log": {"stock_relay": f"DELETE {WRITE}"},
    "event_position": {"stock_gateway": READ, "stock_relay": f"DELETE {WRITE}"},
    "event_seen": {"stock_relay": f"DELETE {WRITE}"},
    "exchange": {"stock_reader": READ, "stock_sentiment": READ, "stock_writer": READ},
    "import_run": {"stock_reader": READ, "stock_writer": WRITE},
    "import_change": {"stock_writer": "INSERT SELECT"},
    "instrument": {"stock_reader": READ, "stock_sentiment": READ, "stock_writer": f"DELETE {WRITE}"},
    "instrument_alias": {"stock_reader": READ, "stock_sentiment": READ, "stock_writer": READ},
    "ops_heartbeat": {},
    "outbox": {
        "stock_gateway": READ,
        "stock_relay": f"DELETE {WRITE}",
        "stock_sentiment": "INSERT",
        "stock_writer": "INSERT",
    },
    "quarantine": {"stock_reader": READ, "stock_writer": WRITE},
    "schema_migration": {
        "stock_gateway": READ,
        "stock_reader": READ,
        "stock_relay": READ,
        "stock_sentiment": READ,
    },
    **{
        f"sentiment_{name}": {"stock_sentiment": f"DELETE {WRITE}"}
        for name in ("author_key", "bucket", "gone", "mention", "post", "source", "state")
    },
}
_FOUND = """
SELECT relname, grantee::regrole::text AS role,
       string_agg(privilege_type, ' ' ORDER BY privilege_type) AS rights
FROM pg_class
CROSS JOIN LATERAL aclexplode(coalesce(relacl, acldefault('r', relowner))) AS given
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
  AND grantee <> relowner
GROUP BY relname, grantee
"""
_TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
"""
_WRITES = [
    "INSERT INTO exchange VALUES ('XTST', 'x', 'XNYS', 'UTC', 'USD')",
    "UPDATE instrument SET name = 'x'",
    "DELETE FROM bar_1d",
    "TRUNCATE quarantine",
    "CREATE TABLE mine (x int)",
    "SELECT * FROM instrument FOR UPDATE",
    "SELECT hash FROM api_key",
    "ALTER TABLE bar_1d ADD COLUMN x int",
    "BEGIN; LOCK TABLE bar_1d IN ACCESS EXCLUSIVE MODE",
]


@dataclass
class Session:
    """A connection under the role of one part."""

    connection: asyncpg.Connection

    async def refuses(self, statement: str) -> bool:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await self.connection.execute(statement)
        return True


async def test_each_table_is_open_to_those_who_need_it_alone(database: Settings) -> None:
    connection = await connect(database, Role.OWNER)
    tables = {row["relname"] for row in await connection.fetch(_TABLES)}
    found: dict[str, dict[str, str]] = {table: {} for table in tables}
    for row in await connection.fetch(_FOUND):
        found[row["relname"]][row["role"]] = row["rights"]
    await connection.close()
    assert found == RIGHTS, "migrations/grants.sql says who may use a new table, and this table says it again"


@pytest.mark.parametrize("statement", _WRITES)
async def test_the_stock_service_cannot_write(database: Settings, statement: str) -> None:
    connection = await connect(database, Role.READER)
    assert await connection.fetchval("SELECT current_user") == "stock_reader"
    assert await connection.fetchval("SELECT count(*) FROM exchange") > 0
    assert await Session(connection).refuses(statement)
    await connection.close()


async def test_the_gateway_notes_the_use_of_a_key_and_makes_none(database: Settings) -> None:
    connection = await connect(database, Role.GATEWAY)
    session = Session(connection)
    await connection.execute("UPDATE api_key SET last_used_at = now()")
    assert await session.refuses("UPDATE api_key SET hash = '', scopes = '{operate}'")
    assert await session.refuses("UPDATE api_key SET revoked_at = NULL")
    assert await session.refuses("INSERT INTO api_key (id) VALUES (gen_random_uuid())")
    assert await session.refuses("SELECT count(*) FROM bar_1d")
    await connection.close()


async def test_the_import_sees_no_key_and_deletes_no_bar(database: Settings) -> None:
    connection = await connect(database, Role.WRITER)
    session = Session(connection)
    await connection.execute("CREATE TEMPORARY TABLE correction (LIKE bar_1d)")
    assert await session.refuses("SELECT hash FROM api_key")
    assert await session.refuses("DELETE FROM bar_1d")
    assert await session.refuses("INSERT INTO schema_migration (number) VALUES (9)")
    await connection.close()


async def test_the_sentiment_service_sees_no_price_and_changes_no_instrument(database: Settings) -> None:
    connection = await connect(database, Role.SENTIMENT)
    assert await connection.fetchval("SELECT current_user") == "stock_sentiment"
    session = Session(connection)
    assert await session.refuses("SELECT count(*) FROM bar_1d")
    assert await session.refuses("UPDATE instrument SET name = 'x'")
    assert await session.refuses("SELECT data FROM outbox")
    assert await session.refuses("SELECT hash FROM api_key")
    await connection.close()


async def test_nobody_else_sees_posts_or_the_keys_of_authors(database: Settings) -> None:
    for role in (Role.READER, Role.WRITER, Role.GATEWAY, Role.RELAY):
        connection = await connect(database, role)
        for table in ("sentiment_post", "sentiment_author_key"):
            assert await Session(connection).refuses(f"SELECT * FROM {table}")  # noqa: S608 - two fixed names
        await connection.close()


async def test_a_right_that_was_added_by_hand_is_taken_back(database: Settings) -> None:
    owner = await connect(database, Role.OWNER)
    await owner.execute(
        "GRANT ALL ON bar_1d, api_key TO stock_reader; GRANT UPDATE (hash) ON api_key TO stock_gateway"
    )
    await grant(owner, (resource("migrations") / GRANTS).read_text())
    await owner.close()
    for role, statement in (
        (Role.READER, "DELETE FROM bar_1d"),
        (Role.READER, "SELECT hash FROM api_key"),
        (Role.GATEWAY, "UPDATE api_key SET hash = ''"),
    ):
        connection = await connect(database, role)
        assert await Session(connection).refuses(statement)
        await connection.close()


async def test_half_of_the_migrations_is_no_hindrance(postgres: PostgresCluster) -> None:
    settings = postgres.create_database(template="template0")
    owner = await connect(settings, Role.OWNER)
    folder = resource("migrations")
    await migrate(owner, read_migrations(folder)[:1])
    await grant(owner, (folder / GRANTS).read_text())
    assert await owner.fetchval("SELECT has_table_privilege('stock_reader', 'bar_1d', 'SELECT')")
    await owner.close()


async def test_who_does_not_own_the_tables_gives_no_rights(database: Settings) -> None:
    reader = await connect(database, Role.READER)
    with pytest.raises(MigrationError, match="rights of the database roles were not given"):
        await grant(reader, (resource("migrations") / GRANTS).read_text())
    await reader.close()
