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
            "STOCK_PRELOAD_LIBRARIES": "",
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
        created = self.run_platform("keys", "create", "test", "--json")
        self.key = json.loads(created)["key"]

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
