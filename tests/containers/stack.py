"""The compose stack: started in the order of its health checks, looked at, killed, and removed."""

import json
import os
import random
import re
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from stock_analysis.testing.processes import free_port
from stock_ops.kit.secret_folder import fill, group_of
from tests.containers import leftovers
from tests.containers.bases import StandIns
from tests.containers.images import Image
from tests.containers.podman import LOCKED_DOWN, inspect, is_healthy, logs, run, wait_for
from tools.container_parts import JUDGES, ROOT

COMPOSE = ROOT / "deploy" / "compose"
SERVERS = ("postgresql", "valkey", "kafka")
SERVICES = ("stock", "sentiment", "relay", "gateway")
PRICES = ("instruments", "actions", "bars_1d_us_history")


class Stack:
    """One project of its own, with secrets, volumes and networks that nobody else uses."""

    def __init__(
        self,
        standins: StandIns,
        platform: Image,
        folder: Path,
        *,
        files: Path = COMPOSE,
        overlays: tuple[str, ...] = ("compose.test.yaml",),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """files: the folder of compose.yaml; variables: more of those that .env.example explains."""
        self.project = f"stock-test-{os.getpid()}-{folder.name}"
        leftovers.hold(self.project)
        self._files, self._overlays = files, overlays
        self.uid = random.randrange(20_000, 60_000)
        self.secrets = folder / "secrets"
        self.platform = Image(f"{leftovers.IMAGE}:{self.project}")
        run("podman", "tag", platform.name, self.platform.name)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._env_file = folder / "compose.env"
        self.key = ""
        fill(self.secrets)
        values = {
            "PLATFORM_IMAGE": self.platform.name,
            "OPS_IMAGE": "started by other tests",
            "TIMESCALEDB_IMAGE": standins.postgresql,
            "VALKEY_IMAGE": standins.valkey,
            "KAFKA_IMAGE": standins.kafka,
            "STOCK_SECRETS": str(self.secrets),
            "STOCK_SECRETS_GID": str(group_of(self.secrets)),
            "STOCK_PUBLISH": f"127.0.0.1:{port}",
            "STOCK_UID": str(self.uid),
            **(variables or {}),
        }
        self._env_file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))

    def compose(self, *arguments: str) -> str:
        """Run a verb of podman-compose on compose.yaml and its overlays."""
        return self.compose_with((), {}, *arguments)

    def compose_with(self, overlays: tuple[str, ...], variables: Mapping[str, str], *arguments: str) -> str:
        """The same with more overlays, and more variables from the environment."""
        names = ("compose.yaml", *self._overlays, *overlays)
        files = [word for name in names for word in ("-f", name)]
        program = JUDGES / "bin" / "podman-compose"
        words: list[str | Path] = ["--env-file", self._env_file, "-p", self.project, *files, *arguments]
        environ = {"PATH": f"{JUDGES / 'bin'}:{os.environ['PATH']}", **variables}
        return run(program, *words, cwd=self._files, environ=environ).stdout

    def start(self, servers: tuple[str, ...] = SERVERS) -> None:
        """Servers, migrations, services, each after what it needs; then prices and a key."""
        self.compose("up", "-d", *servers)
        self.wait(*servers)
        self.compose("up", "migrate")
        wait_for(partial(self.has_ended, "migrate"), partial(self.logs, "migrate"))
        for service in SERVICES:
            self.compose("up", "-d", service)
            self.wait(service)
        self.import_prices(*PRICES)
        created = self.run_platform("keys", "create", "test", "--json")
        self.key = json.loads(created)["key"]

    def remove(self) -> None:
        """Stop all of it, and take networks and volumes away."""
        leftovers.remove(self.project)

    def run_platform(self, *arguments: str, options: tuple[str, ...] = ()) -> str:
        """A command of the platform in a container of its own beside the stack, as the service `admin` is."""
        settings = (
            "STOCK_DATABASE_HOST=postgresql",
            "STOCK_DATABASE_WRITER=stock_writer",
            "STOCK_DATABASE_PASSWORDS=/run/secrets/",
            "STOCK_API_KEY_PEPPER_FILE=/run/secrets/api_key_pepper",
            "STOCK_EVENTS_LOG=kafka",
            "STOCK_KAFKA_SERVERS=kafka:9092",
        )
        told = [word for one in settings for word in ("-e", one)]
        where = ("--network", f"{self.project}_data", "--user", f"{self.uid}:0", *LOCKED_DOWN)
        options = (*told, *where, *self.secrets_of("admin"), *options)
        return run("podman", "run", "--rm", *options, self.platform.name, *arguments).stdout

    def secrets_of(self, service: str) -> tuple[str, ...]:
        """The mount of a service's secrets, and the group that may read them."""
        folder = self.secrets / "services" / service
        return ("-v", f"{folder}:/run/secrets:ro", "--group-add", str(group_of(self.secrets)))

    def import_prices(self, *names: str) -> None:
        """Those of sample_data, by the command that everyone uses."""
        mounts = [
            word
            for name in names
            for word in ("-v", f"{ROOT}/sample_data/{name}.parquet:/prices/{name}.parquet:ro")
        ]
        self.run_platform("import", "/prices", options=tuple(mounts))

    def container(self, service: str) -> str:
        """Name of the service's container."""
        return f"{self.project}_{service}_1"

    def inspect(self, service: str) -> dict[str, Any]:
        """What podman knows of its container."""
        return inspect("container", self.container(service))

    def state(self, service: str) -> dict[str, Any]:
        """Process id, exit code and the like."""
        state = self.inspect(service)["State"]
        assert isinstance(state, dict)
        return state

    def has_ended(self, service: str) -> bool:
        """Whether it ended well; one that failed and starts again has not."""
        state = self.state(service)
        return (state["Status"], state["ExitCode"]) == ("exited", 0)

    def wait(self, *services: str) -> float:
        """Seconds until all are healthy, by their own checks."""
        names = map(self.container, services)
        return sum(wait_for(partial(is_healthy, name), partial(logs, name)) for name in names)

    def logs(self, service: str) -> str:
        """The end of what it has logged."""
        return logs(self.container(service))

    def sh(self, service: str, script: str) -> str:
        """What a shell in its container prints."""
        return run("podman", "exec", self.container(service), "sh", "-euc", script).stdout

    def kill_hard(self, service: str) -> None:
        """SIGKILL to its first process, as a crash does; `podman kill` would count as stopped on purpose."""
        os.kill(self.state(service)["Pid"], signal.SIGKILL)

    def get(self, path: str, **query: Any) -> httpx.Response:
        """Ask the gateway, with the key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.get(self.url + path, params=query, headers=headers, timeout=30)

    def posture(self, service: str) -> dict[str, str]:
        """What the kernel says of its first process: user, groups, capabilities, how / is mounted."""
        status = Path(f"/proc/{self.state(service)['Pid']}/status").read_text()
        found = dict(re.findall(r"^(Uid|Gid|CapEff|CapBnd|NoNewPrivs):\s+(\w+)", status, re.MULTILINE))
        mounts = Path(f"/proc/{self.state(service)['Pid']}/mounts").read_text().splitlines()
        root = next(line.split() for line in mounts if line.split()[1] == "/")
        return found | {"Root": root[3].split(",")[0]}
