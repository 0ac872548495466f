"""The chart on a real cluster, for `make test-cluster` alone."""

import json
import secrets
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.cluster.cluster import Cluster, open_cluster, until
from tests.cluster.release import KEYS, Release
from tests.containers.bases import PREFIX, StandIns, make_standins
from tests.containers.images import Image, build
from tests.containers.podman import run

Report = Callable[[str, str], None]
MEASURED = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Says a measurement at the end of the run, also when its test passes."""
    lines = request.config.stash.setdefault(MEASURED, [])
    return lambda title, text: lines.append(f"{title}: {text}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was measured."""
    for line in config.stash.get(MEASURED, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def standins() -> StandIns:
    """Images in place of those that would be pulled."""
    return make_standins()


@pytest.fixture(scope="session")
def image(standins: StandIns) -> Image:
    """The platform's image with the sample prices, built as everyone builds it."""
    return build("platform", standins, tag="cluster", environ={"SAMPLE_DATA": "yes"})


@pytest.fixture(scope="session")
def servers(standins: StandIns) -> dict[str, str]:
    """PostgreSQL and Valkey under names that no later build of a stand-in takes over."""
    named = {}
    for name, pinned in (("postgresql", standins.postgresql), ("valkey", standins.valkey)):
        named[name] = f"{PREFIX}/{name}:{pinned[-12:]}"
        run("podman", "tag", pinned, named[name])
    return named


@pytest.fixture(scope="session")
def cluster(
    image: Image, servers: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """With all images on its nodes; ended after the run."""
    folder = tmp_path_factory.mktemp("cluster")
    with open_cluster(folder) as cluster:
        for name in (image.name, *servers.values()):
            archive = folder / "image.tar"
            run("podman", "save", "-q", "--format", "docker-archive", "-o", archive, name)
            cluster.load(archive)
            archive.unlink()
        yield cluster


@pytest.fixture(scope="session")
def release(cluster: Cluster, image: Image, servers: dict[str, str]) -> Iterator[Release]:
    """`small` with prices in it."""
    repository, _, tag = image.name.rpartition(":")
    values = {
        "image": {"repository": repository, "tag": tag, "allowTag": True},
        "secrets": {"existing": "stock-secrets"},
        "database": {"managed": {"image": servers["postgresql"], "storage": {"size": "1Gi"}}},
        "valkey": {"managed": {"image": servers["valkey"], "storage": {"size": "1Gi"}}},
        "sampleData": True,
        "route": {
            "ratePerMinute": 0,
            "gatewayApi": {
                "enabled": True,
                "className": cluster.gateway_class,
                "httpPort": cluster.gateway_port,
            },
        },
    }
    release = Release(cluster, f"stock-{secrets.token_hex(3)}", values)
    try:
        release.prepare({key: secrets.token_hex(16) for key in KEYS})
        yield release
    finally:
        release.remove()


@pytest.fixture(scope="session")
def installed(release: Release, report: Report) -> Release:
    seconds = release.install()
    report("install, images loaded", f"{seconds:.0f} s from nothing to all ready, sample prices imported")
    return release


@pytest.fixture(scope="session")
def client(installed: Release) -> Iterator[httpx.Client]:
    """Someone outside the cluster, with a key."""
    key = json.loads(installed.owner("keys", "create", "test", "--json"))["key"]
    with httpx.Client(
        base_url=installed.cluster.way_in, headers={"Authorization": f"Bearer {key}"}, timeout=30
    ) as it:
        until(lambda: it.get("/readyz").status_code == 200, seconds=30)
        yield it
