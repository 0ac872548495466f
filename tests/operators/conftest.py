"""CloudNativePG's operator on a real cluster, for `make test-operators` alone."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.cluster import Cluster, until
from tests.cluster.conftest import (
    client,
    cluster,
    image,
    installed,
    prepared,
    pytest_terminal_summary,
    report,
)
from tests.cluster.images import image_of
from tests.cluster.prepared import Prepared
from tests.cluster.release import LITTLE, PLAIN, SECRET, SMALL, Release, Values, gateway_of
from tests.containers.bases import PREFIX, make_standins
from tests.containers.images import Image
from tests.containers.podman import build_standin
from tests.operators.images import image_from, load, not_run
from tools import cloudnativepg
from tools.container_parts import STANDINS
from tools.go_modules import CannotBeHadError

__all__ = ["client", "cluster", "image", "installed", "prepared", "pytest_terminal_summary", "report"]

POSTGRESQL = f"{PREFIX}/cloudnativepg-postgresql:17"
"""The operator reads the version in its tag."""
WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
GATED = ("Namespace", "CustomResourceDefinition")
"""What the rest of the manifest needs to be there."""


@pytest.fixture(scope="session")
def source() -> Path:
    """The operator's module; without Go nothing of this is run, and `CI` does not take that for a pass."""
    try:
        return cloudnativepg.source(os.environ)
    except CannotBeHadError as error:
        not_run(error)


@pytest.fixture(scope="session")
def operator(source: Path, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The operator's own build, running; its image, and one of PostgreSQL, on all nodes."""
    if cluster.k("get", "namespace", cloudnativepg.NAMESPACE, "--ignore-not-found"):
        pytest.fail(f"The cluster has a namespace {cloudnativepg.NAMESPACE} already: give one without it.")
    folder = tmp_path_factory.mktemp("operator")
    own = operator_image(source, folder)
    build_standin(
        POSTGRESQL, STANDINS / "cloudnativepg-postgresql.Dockerfile", {"PYTHON_IMAGE": make_standins().python}
    )
    load(cluster, folder, own, POSTGRESQL)
    documents = cloudnativepg.manifest(source, own)
    try:
        for kinds in (True, False):
            part = [one for one in documents if (one["kind"] in GATED) is kinds]
            cluster.k("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(part))
        cluster.k(
            *("-n", cloudnativepg.NAMESPACE, "rollout", "status", "--timeout=280s"),
            "deployment/cnpg-controller-manager",
        )
        until(lambda: admits(cluster))
        yield own
    finally:
        # The admission first: without the operator behind it, it would refuse the rest.
        for last in (False, True):
            part = [one for one in documents if (one["kind"] not in WEBHOOKS) is last]
            cluster.k(
                "delete",
                "--ignore-not-found",
                "--wait=false",
                "-f",
                "-",
                stdin=yaml.safe_dump_all(part),
                check=False,
            )
        until(lambda: not cluster.k("get", "namespace", cloudnativepg.NAMESPACE, "--ignore-not-found"))


def operator_image(source: Path, folder: Path) -> str:
    """As the Dockerfile in its module makes it: a program for each architecture, and nothing else."""
    root = folder / "root"
    program = root / "operator" / "manager_amd64"
    program.parent.mkdir(parents=True)
    cloudnativepg.build(source, program, os.environ)
    (root / "manager").symlink_to("operator/manager_amd64")
    name = f"{PREFIX}/cloudnative-pg:{cloudnativepg.VERSION}"
    image_from(root, name, "/manager")
    return name


def admits(cluster: Cluster) -> bool:
    """Whether the operator's admission answers: it refuses a Cluster of a version that it cannot read."""
    wrong = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": "wrong"},
        "spec": {"instances": 1, "imageName": "x:none", "storage": {"size": "1Gi"}},
    }
    said = cluster.k(
        "create", "--dry-run=server", "-n", "default", "-f", "-", stdin=yaml.safe_dump(wrong), check=False
    )
    return "spec.imageName" in said


@pytest.fixture(scope="session")
def release(
    prepared: Prepared,
    cluster: Cluster,
    image: Image,
    operator: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Release]:
    """One pod of each part, on two instances of PostgreSQL, with the sample prices."""
    assert operator
    namespace = f"stock-{secrets.token_hex(3)}"
    one: Values = {"autoscaling": {"enabled": False}, "replicas": 1, **LITTLE}
    values: Values = {
        "image": {**image_of(image), "allowTag": True},
        "secrets": {"existing": SECRET},
        "database": {
            "mode": "operator",
            "operator": {"instances": 2, "image": POSTGRESQL, "storage": {"size": "1Gi"}},
            "managed": PLAIN,
        },
        "valkey": {"managed": {"image": prepared.servers["valkey"], **SMALL}},
        "sampleData": True,
        "parts": dict.fromkeys(("stock", "gateway", "sentiment"), one),
        "route": {
            "host": f"{namespace}.test",
            "ratePerMinute": 1_000_000,
            "gatewayApi": gateway_of(cluster),
        },
    }
    release = Release(cluster, tmp_path_factory.mktemp("release"), namespace, values)
    with prepared.a_release():
        try:
            release.prepare()
            yield release
        finally:
            cluster.k("delete", "namespace", namespace, "--timeout=240s", check=False)
