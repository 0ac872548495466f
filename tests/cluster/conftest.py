"""The chart on a real cluster, for `make test-cluster` alone."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import httpx
import pytest

from tests.cluster.cluster import Cluster, until
from tests.cluster.images import image_of
from tests.cluster.prepared import Prepared, prepare_once
from tests.cluster.release import LITTLE, PLAIN, SECRET, SMALL, Release, gateway_of
from tests.containers.conftest import pytest_terminal_summary, report
from tests.containers.images import Image
from tests.containers.test_stack import closes_until

__all__ = ["pytest_terminal_summary", "report"]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """The cluster with all images on its nodes, one for all workers; ended when the last of them is done."""
    with prepare_once(tmp_path_factory.mktemp("cluster")) as prepared:
        yield prepared


@pytest.fixture(scope="session")
def cluster(prepared: Prepared) -> Cluster:
    """With all images on its nodes."""
    return prepared.cluster


@pytest.fixture(scope="session")
def image(prepared: Prepared) -> Image:
    """The platform's image with the sample prices, built as everyone builds it."""
    return Image(prepared.images["platform"])


@pytest.fixture(scope="session")
def operations(prepared: Prepared) -> Image:
    """The image of the operations, which shares layers with the platform's."""
    return Image(prepared.images["operations"])


@pytest.fixture(scope="session")
def newer(prepared: Prepared) -> Image:
    """The next version: the same program, with a change of the schema before its rollout and one after it."""
    return Image(prepared.images["newer"])


@pytest.fixture(scope="session")
def broken_schema(prepared: Prepared) -> Image:
    """A version whose migration cannot be applied."""
    return Image(prepared.images["broken_schema"])


@pytest.fixture(scope="session")
def servers(prepared: Prepared) -> dict[str, str]:
    """Images of PostgreSQL, Valkey, Kafka and a bucket."""
    return prepared.servers


@pytest.fixture(scope="session")
def release(
    prepared: Prepared,
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
        "database": {"managed": {"image": servers["postgresql"], **SMALL, **PLAIN}},
        "valkey": {"managed": {"image": servers["valkey"], **SMALL}},
        "events": {
            "mode": "managed",
            "managed": {"image": servers["kafka"], **SMALL},
        },
        "backup": {
            "enabled": True,
            "image": image_of(operations),
            "storage": {"volume": {"size": "1Gi"}},
            "work": {"size": "1Gi"},
            "recovery": LITTLE,
            **LITTLE,
        },
        "sampleData": True,
        "spreadStrictly": ["kubernetes.io/hostname"],
        "parts": {
            "stock": scaling,
            "gateway": scaling,
            "sentiment": {"autoscaling": {"enabled": False}, "replicas": 1, **LITTLE},
            "live": {"enabled": True},
        },
        "route": {
            "host": f"{namespace}.test",
            "ratePerMinute": 1_000_000,
            "gatewayApi": gateway_of(cluster),
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
    with prepared.a_release():
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
def installed(release: Release) -> Release:
    release.install()
    return release


@pytest.fixture
def alone(installed: Release, prepared: Prepared) -> None:
    """Until no other worker has a release any more: what follows is done to nodes, or measured."""
    assert installed
    prepared.wait_for_others()


@pytest.fixture(scope="session")
def client(installed: Release) -> Iterator[httpx.Client]:
    with client_of(installed) as it:
        yield it


@contextmanager
def client_of(release: Release) -> Iterator[httpx.Client]:
    """Someone outside the cluster, with a key."""
    key = json.loads(release.owner("keys", "create", "test", "--json"))["key"]
    headers = {"Host": release.host, "Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=release.cluster.way_in, headers=headers, timeout=30) as it:
        until(lambda: it.get("/readyz").status_code == 200, seconds=30)
        yield it
