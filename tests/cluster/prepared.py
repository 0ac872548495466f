"""What all workers of a run share: images, and one cluster that has them."""

import fcntl
import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.cluster.cluster import Cluster
from tests.cluster.images import derived, next_migration
from tests.cluster.sources import open_cluster
from tests.containers.bases import PREFIX, StandIns, make_standins
from tests.containers.conftest import one_at_a_time
from tests.containers.images import build
from tests.containers.podman import run
from tests.room import shared
from tools.container_parts import ROOT

TAG = f"cluster-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}"
"""Of this checkout's images: another one's tests may run on the same cluster."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A cluster with the images of this run on its nodes."""

    cluster: Cluster
    images: dict[str, str]
    """Of the platform and the operations, and two more versions: their names."""
    servers: dict[str, str]
    seconds: dict[str, float]
    """How long each step took."""
    releases: IO[str] = field(repr=False)
    """Held by each worker that has a release."""

    @contextmanager
    def a_release(self) -> Iterator[None]:
        """Others can wait until it is gone."""
        fcntl.flock(self.releases, fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(self.releases, fcntl.LOCK_UN)

    def wait_for_others(self) -> None:
        """Until no other worker has a release."""
        fcntl.flock(self.releases, fcntl.LOCK_EX)


@contextmanager
def prepare_once(folder: Path) -> Iterator[Prepared]:
    """By the worker that asks first, which ends the cluster when all others are gone."""
    with ExitStack() as owned:
        owns = []

        def make(place: Path) -> None:
            owns.append(place)
            place.write_text(json.dumps(_prepare(folder, owned), default=str))

        place = shared("cluster", make)
        with (
            place.with_name("cluster.users").open("w") as users,
            place.with_name("cluster.releases").open("w") as releases,
        ):
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                yield _read(json.loads(place.read_text()), releases)
            finally:
                if owns:
                    fcntl.flock(users, fcntl.LOCK_EX)
                    place.with_name("cluster.made").unlink()


def _prepare(folder: Path, owned: ExitStack) -> dict[str, Any]:
    """Images are built while the cluster starts, which is mostly waiting."""
    began, seconds = time.monotonic(), {}
    archive = folder / "images.tar"
    with ThreadPoolExecutor(1) as beside, one_at_a_time():
        starting = beside.submit(owned.enter_context, open_cluster(folder))
        standins = make_standins()
        servers = _servers(standins)
        images = _images(standins)
        seconds["build"] = time.monotonic() - began
        cluster = starting.result()
    names = (*images.values(), *servers.values())
    run("podman", "save", "-q", "-m", "--format", "docker-archive", "-o", archive, *names)
    seconds["save"] = time.monotonic() - began - sum(seconds.values())
    cluster.load(archive)
    seconds["load"] = time.monotonic() - began - sum(seconds.values())
    archive.unlink()
    return {"cluster": asdict(cluster), "images": images, "servers": servers, "seconds": seconds}


def _servers(standins: StandIns) -> dict[str, str]:
    """PostgreSQL, Valkey, Kafka and a bucket under names that no later build of a stand-in takes over."""
    named = {}
    for name in ("postgresql", "valkey", "kafka", "s3"):
        pinned: str = getattr(standins, name)
        named[name] = f"{PREFIX}/{name}:{pinned[-12:]}"
        run("podman", "tag", pinned, named[name])
    return named


def _images(standins: StandIns) -> dict[str, str]:
    platform = build("platform", standins, tag=TAG, environ={"SAMPLE_DATA": "yes"})
    operations = build("stock-ops", standins, tag=TAG)
    number = next_migration()
    newer = {
        f"{number:04d}_pre_newer.sql": "CREATE TABLE newer (id integer PRIMARY KEY);\n",
        f"{number:04d}_post_newer.sql": "DROP TABLE newer;\n",
    }
    broken = {f"{number:04d}_pre_broken.sql": "SELECT 1 / 0;\n"}
    return {
        "platform": platform.name,
        "operations": operations.name,
        "newer": derived(platform, f"{TAG}-newer", newer).name,
        "broken_schema": derived(platform, f"{TAG}-broken-schema", broken).name,
    }


def _read(told: dict[str, Any], releases: IO[str]) -> Prepared:
    fields = told.pop("cluster")
    fields["kubeconfig"] = Path(fields["kubeconfig"])
    words = {name: tuple(fields[name]) for name in ("kubectl", "loader", "nodes")}
    return Prepared(cluster=Cluster(**fields | words), releases=releases, **told)
