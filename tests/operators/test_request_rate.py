"""Autoscaling by the rate of requests: a Prometheus that finds the pods, its adapter, the autoscaler."""

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from string import Template
from typing import Any

import pytest

from tests.cluster.cluster import Cluster, until
from tests.cluster.conftest import client_of
from tests.cluster.images import image_of
from tests.cluster.load import load
from tests.cluster.prepared import Prepared
from tests.cluster.release import LITTLE, NAME, PLAIN, SECRET, SMALL, Release, Values, gateway_of
from tests.containers.bases import PREFIX
from tests.containers.images import Image
from tests.operators.images import image_from, not_run
from tests.operators.images import load as load_images
from tools.container_parts import ROOT
from tools.go_modules import CannotBeHadError
from tools.metrics_adapter import build_both

Report = Callable[[str, str], None]
SETTINGS = ROOT / "deploy" / "monitoring" / "kubernetes"
IMAGES = {"PROMETHEUS": f"{PREFIX}/prometheus:go", "ADAPTER": f"{PREFIX}/prometheus-adapter:go"}
A_SECOND = 4
"""Requests for each pod, by the clock of the autoscaler."""
API = "/apis/custom.metrics.k8s.io/v1beta2"


@pytest.fixture(scope="module")
def programs(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Both as images on all nodes: their names."""
    folder = tmp_path_factory.mktemp("metrics")
    try:
        built = build_both(folder, os.environ)
    except CannotBeHadError as error:
        not_run(error)
    for name, program in built.items():
        root = folder / f"{name}-root"
        (root / "bin").mkdir(parents=True)
        program.rename(root / "bin" / name)
    image_from(folder / "prometheus-root", IMAGES["PROMETHEUS"], "/bin/prometheus")
    image_from(folder / "adapter-root", IMAGES["ADAPTER"], "/bin/adapter")
    load_images(cluster, folder, *IMAGES.values())
    return IMAGES


@pytest.fixture(scope="module")
def platform(
    prepared: Prepared, cluster: Cluster, image: Image, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Release]:
    """One pod of each part; the gateway has as many as its requests ask for."""
    namespace = f"stock-{secrets.token_hex(3)}"
    one: Values = {"autoscaling": {"enabled": False}, "replicas": 1, **LITTLE}
    by_requests = {
        "min": 1,
        "max": 3,
        "cpu": 1000,
        "memory": 1000,
        "requestsPerSecond": A_SECOND,
        "scaleDownSeconds": 10,
    }
    values: Values = {
        "image": {**image_of(image), "allowTag": True},
        "secrets": {"existing": SECRET},
        "database": {"managed": {"image": prepared.servers["postgresql"], **SMALL, **PLAIN}},
        "valkey": {"managed": {"image": prepared.servers["valkey"], **SMALL}},
        "sampleData": True,
        "networkPolicies": {"monitoringFrom": {"kubernetes.io/metadata.name": f"{namespace}-metrics"}},
        "parts": {"stock": one, "sentiment": one, "gateway": {"autoscaling": by_requests}},
        "route": {
            "host": f"{namespace}.test",
            "ratePerMinute": 1_000_000,
            "gatewayApi": gateway_of(cluster),
        },
    }
    release = Release(cluster, tmp_path_factory.mktemp("platform"), namespace, values)
    with prepared.a_release():
        try:
            release.prepare()
            release.install()
            yield release
        finally:
            release.remove()


@pytest.fixture(scope="module")
def metrics(platform: Release, programs: dict[str, str]) -> Iterator[str]:
    """Namespace of the two, which are ready; gone afterwards."""
    cluster, namespace = platform.cluster, f"{platform.namespace}-metrics"
    key = json.loads(platform.owner("keys", "create", "prometheus", "--scope", "operate", "--json"))["key"]
    text = Template(Path(__file__).with_name("adapter.yaml").read_text())
    documents = text.substitute(programs, NAMESPACE=namespace)
    k = partial(cluster.k, "-n", namespace)
    cluster.k("create", "namespace", namespace)
    try:
        k("create", "configmap", "settings", f"--from-file={SETTINGS}")
        secret = {"metadata": {"name": "metrics-key"}, "stringData": {"metrics_key": key}}
        k("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Secret", **secret}))
        cluster.k("apply", "-f", "-", stdin=documents)
        for name in ("prometheus", "adapter"):
            k("rollout", "status", "--timeout=200s", f"deployment/{name}")
        yield namespace
    finally:
        cluster.k("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=documents, check=False)
        cluster.k("delete", "namespace", namespace, "--wait=false", check=False)


def autoscaler(release: Release) -> dict[str, Any]:
    return release.cluster.get("-n", release.namespace, "hpa", f"{NAME}-gateway")


def replicas(release: Release) -> int:
    return int(autoscaler(release)["status"]["currentReplicas"])


def rate(release: Release) -> str | None:
    """Of a pod, as the autoscaler knows it."""
    for one in autoscaler(release)["status"].get("currentMetrics", []):
        if one["type"] == "Pods" and one["pods"]["metric"]["name"] == "http_requests_per_second":
            return str(one["pods"]["current"]["averageValue"])
    return None


def told(release: Release) -> str:
    asked = f"{API}/namespaces/{release.namespace}/pods/*/http_requests_per_second"
    return release.k("describe", "hpa") + release.cluster.k("get", "--raw", asked, check=False)


def test_prometheus_reads_every_part_with_its_pod(platform: Release, metrics: str) -> None:
    path = f"/api/v1/namespaces/{metrics}/services/prometheus:9090/proxy/api/v1/query?query=up"

    def up() -> dict[str, str]:
        found = json.loads(platform.cluster.k("get", "--raw", path))["data"]["result"]
        return {one["metric"]["pod"]: one["value"][1] for one in found}

    expected = {name for part in ("stock", "gateway", "sentiment", "relay") for name in platform.ready(part)}
    assert len(expected) >= 3
    until(lambda: up() == dict.fromkeys(expected, "1"), seconds=90, telling=lambda: str(up()))


@pytest.mark.usefixtures("metrics")
def test_the_gateway_has_pods_by_its_requests_and_loses_them_again(platform: Release, report: Report) -> None:
    words = ("--target", "kubernetes", "doctor", platform.environment())
    until(lambda: rate(platform) is not None, seconds=150, telling=partial(told, platform))
    checks = {one["check"]: one["state"] for one in platform.stockops(*words)["checks"]}
    assert checks["request rate"] == "ok"
    assert replicas(platform) == 1
    began = time.monotonic()
    # At most twenty a second: little work for a processor.
    with client_of(platform) as client, load(client, least=1, pause_s=0.2) as answers:
        until(lambda: replicas(platform) == 3, seconds=150, telling=partial(told, platform))
        up = time.monotonic() - began
    until(lambda: replicas(platform) < 3, seconds=240, telling=partial(told, platform))
    down = time.monotonic() - began - up
    assert "pods metric http_requests_per_second above target" in platform.k("describe", "hpa")
    assert set(answers) == {"200"}
    report(
        "autoscaling by requests",
        f"1 to 3 pods after {up:.0f} s, fewer after {down:.0f} s more, {dict(answers)}",
    )
