"""An instance in containers as an operator has it: started, stopped and asked by the verbs of stockops."""

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from stock_analysis.testing.processes import free_port
from tests.containers import leftovers
from tests.containers.bases import StandIns
from tests.containers.images import Image
from tests.containers.podman import run
from tests.containers.stack import COMPOSE, PRICES, SERVERS, Stack
from tools.container_parts import JUDGES

BACKUP = "backup"
STOCKOPS = Path(sys.executable).with_name("stockops")
ENVIRON = {"PATH": f"{JUDGES / 'bin'}:{os.environ['PATH']}"}


CHUNK = """
SET session_replication_role = replica;
CREATE EXTENSION IF NOT EXISTS timescaledb;
CREATE SCHEMA _timescaledb_internal;
CREATE TABLE _timescaledb_internal._hyper_1_1_chunk (about hstore NOT NULL DEFAULT 'chunk=>1')
    INHERITS (bar_1d);
CREATE INDEX ON _timescaledb_internal._hyper_1_1_chunk USING gin (about);
WITH moved AS (
    DELETE FROM ONLY bar_1d WHERE instrument_id = (SELECT max(instrument_id) FROM bar_1d) RETURNING *
)
INSERT INTO _timescaledb_internal._hyper_1_1_chunk SELECT * FROM moved;
"""
"""Rows as TimescaleDB keeps them, in a table beside their own: no server without its library reads it."""
OVERLAY = """\
services:
  gateway:
    environment:
      # All clients of a test have one address.
      STOCK_RATE_LIMIT_PER_MINUTE: "0"
"""


class Instance(Stack):
    """One data folder, with a stack of its own."""

    def __init__(self, standins: StandIns, platform: Image, stock_ops: Image, data: Path) -> None:
        self.data, self.standins, self.platform = data, standins, platform
        self.project = f"stock-{hashlib.sha256(os.fsencode(data)).hexdigest()[:8]}"
        leftovers.hold(self.project)
        self.uid = random.randrange(20_000, 60_000)
        self.secrets = data / "config" / "secrets"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.key, self.environ = "", dict(ENVIRON)
        (data / "config").mkdir(parents=True, exist_ok=True)
        self.overlay.write_text(OVERLAY)
        values = {
            "PLATFORM_IMAGE": platform.name,
            "OPS_IMAGE": stock_ops.name,
            "TIMESCALEDB_IMAGE": standins.postgresql,
            "VALKEY_IMAGE": standins.valkey,
            "KAFKA_IMAGE": standins.kafka,
            "STOCK_PUBLISH": self.url.removeprefix("http://"),
            "STOCK_UID": str(self.uid),
        }
        text = "".join(f"{name}={value}\n" for name, value in values.items())
        (data / "config" / "compose.env").write_text(text)

    @property
    def overlay(self) -> Path:
        """The operator's own overlay of compose.yaml."""
        return self.data / "config" / "compose.override.yaml"

    def stockops(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A verb on this instance, as an operator types it."""
        return run(STOCKOPS, *words, "--data", self.data, environ=self.environ, check=check)

    def told(self, *words: str, check: bool = True) -> dict[str, Any]:
        """What a verb says to a program."""
        found = json.loads(self.stockops(*words, "--json", check=check).stdout)
        assert isinstance(found, dict)
        return found

    def start(self, servers: tuple[str, ...] = SERVERS) -> None:  # noqa: ARG002 - the verb starts all of them
        """All of it, by the verb; then prices and a key."""
        self.stockops("--target", "compose", "up")
        self.import_prices(*PRICES)
        self.keep_in_chunks()
        created = self.run_platform("keys", "create", "test", "--json")
        self.key = json.loads(created)["key"]

    def keep_in_chunks(self) -> None:
        """The extension of the database's image, and the prices of one instrument in its hands."""
        command = ("podman", "exec", "-i", self.container("postgresql"), "psql", "-U", "postgres")
        run(*command, "-d", "stock_analysis", "-qv", "ON_ERROR_STOP=1", "-c", CHUNK)

    def remove(self) -> None:
        """Take containers, volumes and networks away."""
        leftovers.remove(self.project)

    def compose(self, *arguments: str) -> str:
        """A verb of podman-compose, on the files and variables that `up` has written."""
        paths = (COMPOSE / "compose.yaml", COMPOSE / "compose.podman.yaml", self.overlay)
        files = [word for path in paths for word in ("-f", path)]
        env = ("--env-file", self.data / "run" / "compose.env")
        return run("podman-compose", *env, "-p", self.project, *files, *arguments, environ=ENVIRON).stdout

    def start_beside(self, service: str) -> None:
        """Start one that only a test has; what shares its network goes before, for it is made anew."""
        run("podman", "rm", "-f", "-t", "30", self.container(BACKUP))
        self.compose("up", "-d", service)

    def stop_beside(self, service: str) -> None:
        """Take it away, with what shares its network."""
        run("podman", "rm", "-f", "-t", "30", self.container(BACKUP))
        run("podman", "rm", "-f", self.container(service))
