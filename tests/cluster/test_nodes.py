"""Pods that go away, by plan and without: what it costs, and that nothing is lost."""

import json
import random
import time
from collections.abc import Callable

import httpx
import pytest

from tests.cluster.cluster import until
from tests.cluster.load import CHART, load
from tests.cluster.release import NAME, Release

Report = Callable[[str, str], None]
pytestmark = pytest.mark.usefixtures("alone")
STATELESS = ("gateway", "stock", "sentiment", "relay")


def other_node(release: Release) -> str:
    """A node that takes pods, without the database."""
    taken = release.pods("postgresql")[0]["spec"]["nodeName"]
    return next(node for node in release.cluster.ways_in if node != taken)


def on(release: Release, part: str, node: str) -> list[str]:
    """Names of its ready pods there."""
    ready = release.ready(part)
    return [
        pod["metadata"]["name"]
        for pod in release.pods(part)
        if pod["metadata"]["name"] in ready and pod["spec"].get("nodeName") == node
    ]


def running(release: Release) -> list[str]:
    """Names of the pods that keep nothing, ready or not."""
    chosen = f"app.kubernetes.io/component in ({','.join(STATELESS)})"
    found = release.k("get", "pods", "-l", chosen, "--field-selector=status.phase=Running", "-o", "name")
    return sorted(name.removeprefix("pod/") for name in found.split())


def test_a_budget_refuses_the_second_eviction(installed: Release) -> None:
    installed.steady()
    for part in ("stock", "gateway"):
        names = installed.ready(part)
        said = [evict(installed, name) for name in names]
        assert "Success" in said[0]
        assert all("Cannot evict pod" in one for one in said[1:]), said
    installed.steady()


def evict(release: Release, pod: str) -> str:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    path = f"/api/v1/namespaces/{release.namespace}/pods/{pod}/eviction"
    return release.k("create", "--raw", path, "-f", "-", stdin=json.dumps(body), check=False)


def test_a_drain_keeps_to_the_budget_and_loses_nothing(installed: Release, client: httpx.Client) -> None:
    installed.steady()
    drained = other_node(installed)
    assert on(installed, "gateway", drained)
    try:
        with load(client, least=200) as answers:
            words = ("drain", drained, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=150s")
            installed.cluster.k(*words, f"--pod-selector=app.kubernetes.io/instance={NAME}")
            installed.steady()
    finally:
        installed.cluster.k("uncordon", drained)
    assert set(answers) == {"200"}


def test_a_pod_killed_each_second_for_a_minute_costs_requests_and_no_data(
    installed: Release, client: httpx.Client, report: Report
) -> None:
    installed.steady()
    wanted = client.get(CHART).json()
    drawn = random.Random(15)
    killed = 0
    with load(client, least=200) as answers:
        deadline = time.monotonic() + 60
        while (begun := time.monotonic()) < deadline:
            if names := running(installed):
                how = ("--wait=false", "--grace-period=0", "--force")
                installed.k("delete", "pod", drawn.choice(names), *how)
                killed += 1
            time.sleep(max(0.0, begun + 1 - time.monotonic()))
    failed = answers.total() - answers["200"]
    share = failed / answers.total()
    report("a pod killed each second for a minute", f"{killed} pods, {share:.1%} failed: {dict(answers)}")
    assert killed > 20
    assert answers["200"] > 0
    installed.steady()
    until(lambda: client.get(CHART).status_code == 200, seconds=30, telling=installed.told)
    assert client.get(CHART).json() == wanted
