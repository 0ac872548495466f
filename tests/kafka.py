"""A real Apache Kafka for tests: brokers of a KRaft cluster from Maven's jars, killed and hung at will."""

import shutil
import signal
import socket
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.processes import Server, free_port, server_folder
from tools.test_parts import KAFKA_JARS

_JAVA = (
    "java",
    "-Xms192m",
    "-Xmx192m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # the run is short: the second compiler costs more than it gives
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-cp",
    f"{KAFKA_JARS}/*",
)
_SETTINGS = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
num.partitions=3
default.replication.factor={copies}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=1
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=6000
num.network.threads=2
num.io.threads=2
num.replica.fetchers=1
log.cleaner.dedupe.buffer.size=8388608
log.retention.check.interval.ms=2000
log.segment.delete.delay.ms=1000
log.initial.task.delay.ms=1000
auto.create.topics.enable=false
"""


class KafkaCluster:
    """So many brokers on free loopback ports, each its own controller, too."""

    def __init__(self, size: int = 3) -> None:
        if not KAFKA_JARS.is_dir() or shutil.which("java") is None:
            raise RuntimeError("the tests need Kafka and Java: python tools/test_parts.py")
        self._folder = server_folder("kafka")
        self.nodes = [Broker(number, self._folder / str(number)) for number in range(1, size + 1)]
        _write(self.nodes)
        _format(self.nodes)
        try:
            self._in_parallel(Broker.start)
        except BaseException:
            self.remove()
            raise

    @property
    def servers(self) -> str:
        """HOST:PORT of all brokers."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def add_to(self, settings: Settings, **more: object) -> Settings:
        """The settings with this Kafka as their event log, and topics of their own."""
        found = {
            "events_log": "kafka",
            "events_prefix": f"{uuid.uuid4().hex}.",
            "kafka_servers": self.servers,
            **more,
        }
        return Settings.model_validate(settings.model_dump() | found)

    def remove(self) -> None:
        """End all brokers, and delete their files."""
        self._in_parallel(Broker.kill)
        shutil.rmtree(self._folder)

    def _in_parallel(self, work: Callable[["Broker"], None]) -> None:
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(work, self.nodes))


class Broker:
    """One node."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number, self.folder = number, folder
        self.port, self.controller = free_port(), free_port()
        self._server: Server | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command: list[str | Path] = [*_JAVA, "kafka.Kafka", self.folder / "server.properties"]
        self._server = Server(command, self.folder / "kafka.log", patience_s=60)
        self._server.wait_until(self._listens)

    def kill(self) -> None:
        """SIGKILL; nothing happens if it is gone."""
        if self._server is None:
            return
        with suppress(psutil.NoSuchProcess):
            psutil.Process(self._server.pid).send_signal(signal.SIGKILL)
        self._server.stop()
        self._server = None

    def data_bytes(self, topic: str) -> int:
        """What the partitions of a topic take on the disk."""
        logs = (self.folder / "data").glob(f"{topic}-*/*.log")
        return sum(one.stat().st_size for one in logs)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _write(nodes: list[Broker]) -> None:
    voters = ",".join(f"{node.number}@127.0.0.1:{node.controller}" for node in nodes)
    copies = min(3, len(nodes))
    for node in nodes:
        node.folder.mkdir()
        text = _SETTINGS.format(
            node=node.number,
            voters=voters,
            port=node.port,
            controller=node.controller,
            folder=node.folder,
            copies=copies,
            in_sync=max(1, copies - 1),
        )
        (node.folder / "server.properties").write_text(text)


def _format(nodes: list[Broker]) -> None:
    """Format the storage of the first node by Kafka's tool; the others' is the same under other names."""
    first = nodes[0].folder
    command = [*_JAVA, "kafka.tools.StorageTool", "format", "-t", _random_id(), "-c", "server.properties"]
    done = subprocess.run(command, cwd=first, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Kafka's storage cannot be formatted: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    for node in nodes[1:]:
        shutil.copytree(first / "data", node.folder / "data")
        properties = node.folder / "data" / "meta.properties"
        lines = properties.read_text().splitlines()
        own = {"node.id": str(node.number), "directory.id": _random_id()}
        pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
        properties.write_text("".join(f"{name}={own.get(name, value)}\n" for name, value in pairs))


def _random_id() -> str:
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
