"""The database roles of an instance: each has what it needs and no more, also in one of an older release."""

import asyncio
import json
import shutil
from dataclasses import dataclass

import asyncpg
import pytest

from stock_ops.kit.layout import (
    BACKUP_ROLE,
    GATEWAY_ROLE,
    OWNER_ROLE,
    PLATFORM_ROLES,
    READER_ROLE,
    RELAY_ROLE,
    SENTIMENT_ROLE,
    WRITER_ROLE,
)
from tests.integration.ops.backed_up import verb
from tests.integration.ops.instance import Instance

ROLES = {*PLATFORM_ROLES, BACKUP_ROLE}
_ATTRIBUTES = """
SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles
WHERE rolname LIKE 'stock\\_%' AND NOT rolsuper AND NOT rolcreatedb AND NOT rolcreaterole
  AND NOT rolbypassrls AND rolreplication = (rolname = 'stock_backup')
"""
_OWNED = """
SELECT string_agg(DISTINCT relowner::regrole::text, ' ') FROM pg_class
WHERE relnamespace = 'public'::regnamespace
"""
_SESSIONS = """
SELECT string_agg(DISTINCT usename, ' ') FROM pg_stat_activity
WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()
"""
_CONTENT = "SELECT count(*), sum(hashtextextended(bar_1d::text, 0)) FROM bar_1d"
_KEY = """
INSERT INTO api_key (id, name, prefix, hash, scopes)
VALUES (gen_random_uuid(), 'old', 'aaaaaaaa', 'x', '{read}')
"""
_OLD_RIGHTS = f"""
DROP OWNED BY {BACKUP_ROLE};
DROP OWNED BY {WRITER_ROLE}, {READER_ROLE}, {GATEWAY_ROLE}, {RELAY_ROLE};
DROP ROLE {WRITER_ROLE}, {READER_ROLE}, {GATEWAY_ROLE}, {RELAY_ROLE};
GRANT TEMPORARY ON DATABASE stock_analysis, postgres TO PUBLIC;
GRANT CONNECT ON DATABASE stock_analysis TO {BACKUP_ROLE};
GRANT pg_read_all_data, pg_monitor, pg_maintain TO {BACKUP_ROLE};
GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO {BACKUP_ROLE};
GRANT SELECT, INSERT, UPDATE ON ops_heartbeat TO {BACKUP_ROLE};
GRANT SELECT ON schema_migration TO PUBLIC;
"""
"""What the releases before had: one role that owns and serves, and a backup that reads every password.

The platform that runs meanwhile is of this release: it reads which migrations were applied.
"""


@dataclass
class Door:
    """The database of a running instance, by the passwords that its processes have."""

    instance: Instance

    def execute(self, role: str, statement: str) -> str:
        """The first value, or the name of the refusal."""
        return asyncio.run(self._execute(role, statement))

    async def _execute(self, role: str, statement: str) -> str:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=json.loads(self.instance.layout.memory.read_text())["ports"]["postgresql"],
            user=role,
            password=self._password(role),
            database="stock_analysis",
        )
        try:
            return str(await connection.fetchval(statement))
        except asyncpg.PostgresError as error:
            return type(error).__name__
        finally:
            await connection.close()

    def _password(self, role: str) -> str:
        if role == BACKUP_ROLE:
            return str(json.loads(self.instance.layout.secrets.read_text())["backup"])
        return (self.instance.layout.passwords / role).read_text().strip()


def check(instance: Instance) -> None:
    """The rights that an instance shall have."""
    denied = "InsufficientPrivilegeError"
    door = Door(instance)
    assert set(instance.sql(_ATTRIBUTES).split()) == ROLES
    assert instance.sql(_OWNED) == OWNER_ROLE
    assert instance.get("/api/v1/stocks?limit=1")["items"]
    parts = {READER_ROLE, GATEWAY_ROLE, RELAY_ROLE, SENTIMENT_ROLE, BACKUP_ROLE}
    assert set(instance.sql(_SESSIONS).split()) <= parts
    for statement in ("DELETE FROM bar_1d", "CREATE TEMPORARY TABLE x (y int)", "CREATE TABLE x (y int)"):
        assert door.execute(READER_ROLE, statement) == denied, statement
        assert door.execute(GATEWAY_ROLE, statement) == denied, statement
    assert door.execute(READER_ROLE, "SELECT count(*) FROM api_key") == denied
    assert int(door.execute(BACKUP_ROLE, "SELECT count(*) FROM api_key")) >= 0
    assert int(door.execute(BACKUP_ROLE, "SELECT count(*) FROM bar_1d")) > 100_000
    assert door.execute(BACKUP_ROLE, "SELECT count(*) FROM pg_authid") == denied
    assert door.execute(BACKUP_ROLE, "DELETE FROM bar_1d") == denied
    for path in (
        *instance.layout.passwords.iterdir(),
        instance.layout.secrets,
        instance.layout.platform_config,
    ):
        assert path.stat().st_mode & 0o777 == 0o600
    settings = instance.layout.platform_config.read_text()
    secrets = json.loads(instance.layout.secrets.read_text())
    assert not [name for name in ("superuser", "database", "writer", "backup") if secrets[name] in settings]


@pytest.mark.timeout(600)
def test_an_instance_of_an_older_release_is_moved_over_with_its_data(used: Instance) -> None:
    used.up()
    check(used)
    used.sql(_KEY)
    used.sql(
        "CREATE SCHEMA desk; CREATE TABLE desk.notes (line text); INSERT INTO desk.notes VALUES ('kept')"
    )
    assert Door(used).execute(BACKUP_ROLE, "SELECT line FROM desk.notes") == "kept"
    content = used.sql(_CONTENT)

    used.sql(_OLD_RIGHTS)
    make_old(used)
    used.up()
    check(used)
    assert used.sql(_CONTENT) == content
    assert used.sql("SELECT name FROM api_key") == "old"
    assert Door(used).execute(BACKUP_ROLE, "SELECT line FROM desk.notes") == "kept"
    assert used.get("/api/v1/stocks?query=AAPL")["items"]
    assert used.run("up", "--json").json["changed"] is False


def make_old(instance: Instance) -> None:
    """The data folder as a release left it that knew two roles."""
    instance.down()
    layout = instance.layout
    secrets = json.loads(layout.secrets.read_text())
    old = {name: secrets[name] for name in ("superuser", "database", "valkey", "backup")}
    layout.secrets.write_text(json.dumps(old))
    shutil.rmtree(layout.passwords)
    kept = [line for line in layout.platform_config.read_text().splitlines() if "database_" not in line]
    layout.platform_config.write_text("\n".join(kept) + "\n")


@pytest.mark.timeout(600)
def test_a_backup_of_an_older_release_is_rehearsed_and_restored_with_the_roles(used: Instance) -> None:
    used.up()
    content = used.sql(_CONTENT)
    used.sql(_OLD_RIGHTS)
    verb(used, "backup", "create")
    assert verb(used, "drill")["outcome"] == "passed"
    used.down()
    verb(used, "restore", "--yes")
    used.up()
    assert used.sql(_CONTENT) == content
    check(used)
