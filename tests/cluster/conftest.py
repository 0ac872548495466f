"""The chart on a real cluster, for `make test-cluster` alone."""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import httpx
import pytest

from tests.cluster.cluster import Cluster, until
from tests.cluster.images import derived, image_of, next_migration
from tests.cluster.release import PLAIN, SECRET, Release
from tests.cluster.sources import open_cluster
from tests.containers.bases import PREFIX, StandIns, make_standins
from tests.containers.images import Image, build
from tests.containers.podman import run
from tests.containers.test_stack import closes_until
from tools.container_parts import ROOT

TAG = f"cluster-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}"
"""Of this checkout's images: another one's tests may run on the same cluster."""
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
    return build("platform", standins, tag=TAG, environ={"SAMPLE_DATA": "yes"})


@pytest.fixture(scope="session")
def operations(standins: StandIns, image: Image) -> Image:
    """The image of the operations, which shares layers with the platform's."""
    assert image
    return build("stock-ops", standins, tag=TAG)


@pytest.fixture(scope="session")
def servers(standins: StandIns) -> dict[str, str]:
    """PostgreSQL, Valkey, Kafka and a bucket under names that no later build of a stand-in takes over."""
    named = {}
    for name, pinned in (
        ("postgresql", standins.postgresql),
        ("valkey", standins.valkey),
        ("kafka", standins.kafka),
        ("s3", standins.s3),
    ):
        named[name] = f"{PREFIX}/{name}:{pinned[-12:]}"
        run("podman", "tag", pinned, named[name])
    return named


@pytest.fixture(scope="session")
def newer(image: Image) -> Image:
    """The next version: the same program, with a change of the schema before its rollout and one after it."""
    number = next_migration()
    migrations = {
        f"{number:04d}_pre_newer.sql": "CREATE TABLE newer (id integer PRIMARY KEY);\n",
        f"{number:04d}_post_newer.sql": "DROP TABLE newer;\n",
    }
    return derived(image, f"{TAG}-newer", migrations)


@pytest.fixture(scope="session")
def broken_schema(image: Image) -> Image:
    """A version whose migration cannot be applied."""
    return derived(
        image, f"{TAG}-broken-schema", {f"{next_migration():04d}_pre_broken.sql": "SELECT 1 / 0;\n"}
    )


@pytest.fixture(scope="session")
def cluster(
    image: Image,
    operations: Image,
    newer: Image,
    broken_schema: Image,
    servers: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """With all images on its nodes; ended after the run."""
    folder = tmp_path_factory.mktemp("cluster")
    with open_cluster(folder) as cluster:
        archive = folder / "images.tar"
        names = (image.name, operations.name, newer.name, broken_schema.name, *servers.values())
        run("podman", "save", "-q", "-m", "--format", "docker-archive", "-o", archive, *names)
        cluster.load(archive)
        archive.unlink()
        yield cluster


@pytest.fixture(scope="session")
def release(
    cluster: Cluster,
    image: Image,
    operations: Image,
    servers: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Release]:
    """`small`, but with two pods of a part, live prices by Kafka, and prices in it."""
    namespace = f"stock-{secrets.token_hex(3)}"
    scaling = {"autoscaling": {"min": 2, "max": 3, "scaleDownSeconds": 10}}
    values = {
        "image": {**image_of(image), "allowTag": True},
        "secrets": {"existing": SECRET},
        "database": {"managed": {"image": servers["postgresql"], "storage": {"size": "1Gi"}, **PLAIN}},
        "valkey": {"managed": {"image": servers["valkey"], "storage": {"size": "1Gi"}}},
        "events": {
            "mode": "managed",
            "managed": {"image": servers["kafka"], "storage": {"size": "1Gi"}},
        },
        "backup": {
            "enabled": True,
            "image": image_of(operations),
            "storage": {"volume": {"size": "1Gi"}},
            "work": {"size": "1Gi"},
        },
        "sampleData": True,
        "parts": {
            "stock": scaling,
            "gateway": scaling,
            "sentiment": {"autoscaling": {"enabled": False}, "replicas": 1},
            "live": {"enabled": True},
        },
        "route": {
            "host": f"{namespace}.test",
            "ratePerMinute": 1_000_000,
            "gatewayApi": {
                "enabled": True,
                "className": cluster.gateway_class,
                "httpPort": cluster.gateway_port,
            },
        },
        "smoke": {
            "symbol": "AAPL",
            "from": "2000-03-01",
            "to": "2000-03-10",
            "closes": [f"{close}" for close in closes_between(date(2000, 3, 1), date(2000, 3, 10))],
        },
    }
    folder = tmp_path_factory.mktemp("release")
    release = Release(cluster, folder, namespace, values)
    try:
        release.prepare()
        yield release
    finally:
        release.remove()


def closes_between(first: date, last: date) -> list[float]:
    """AAPL's closes as the file of the sample prices has them."""
    before = len(closes_until(first - timedelta(days=1)))
    return closes_until(last)[before:]


@pytest.fixture(scope="session")
def installed(release: Release, report: Report) -> Release:
    seconds = release.install()
    report("stockops deploy, images loaded", f"{seconds:.0f} s from nothing to a green smoke test")
    return release


@pytest.fixture(scope="session")
def client(installed: Release) -> Iterator[httpx.Client]:
    """Someone outside the cluster, with a key."""
    key = json.loads(installed.owner("keys", "create", "test", "--json"))["key"]
    headers = {"Host": installed.host, "Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=installed.cluster.way_in, headers=headers, timeout=30) as it:
        until(lambda: it.get("/readyz").status_code == 200, seconds=30)
        yield it
