"""A node that loses its power: what it costs, and that nothing is lost."""

import time
from collections.abc import Callable
from functools import partial

import httpx
import pytest

from tests.cluster.cluster import until
from tests.cluster.load import CHART, load
from tests.cluster.release import Release
from tests.cluster.test_nodes import evict, on, other_node

Report = Callable[[str, str], None]
pytestmark = pytest.mark.usefixtures("alone")
INFRASTRUCTURE = (("traefik", "app=traefik"), ("kube-system", "k8s-app=kube-dns"))
"""Of the cluster itself, one pod each: the way in, and the name service."""


def test_a_node_that_loses_its_power_costs_a_gap_and_no_data(
    installed: Release, client: httpx.Client, report: Report
) -> None:
    """The node without the database; clients come in by the one that stays."""
    installed.steady()
    lost = other_node(installed)
    (stays,) = (node for node in installed.cluster.ways_in if node != lost)
    move_infrastructure(installed, lost)
    until(partial(answers, client), telling=installed.told)  # the way in is ready before it knows the routes
    wanted = client.get(CHART).json()
    for part in ("stock", "gateway"):
        for node in (lost, stays):
            if not on(installed, part, node):
                evict(installed, installed.ready(part)[0])
                until(partial(on, installed, part, node), telling=installed.told)
    installed.steady()
    assert all(on(installed, part, node) for part in ("stock", "gateway") for node in (lost, stays))
    way_in = installed.cluster.ways_in[stays]
    with httpx.Client(base_url=way_in, headers=client.headers) as other:
        try:
            with load(other, least=1) as gap:
                installed.cluster.node("kill", lost)
                started = time.monotonic()
                for part in ("stock", "gateway"):
                    until(partial(has_two, installed, part, stays), seconds=150, telling=installed.told)
                seconds = time.monotonic() - started
            with load(other, least=200) as after:
                pass
        finally:
            installed.cluster.node("start", lost)
    report("a lost node", f"two pods again after {seconds:.0f} s; until then {dict(gap)}, then {dict(after)}")
    assert set(after) == {"200"}
    until(partial(answers, client), telling=installed.told)
    assert client.get(CHART).json() == wanted


def answers(client: httpx.Client) -> bool:
    try:
        return client.get(CHART).status_code == 200
    except httpx.TransportError:
        return False


def has_two(release: Release, part: str, node: str) -> bool:
    return len(on(release, part, node)) >= 2


def move_infrastructure(release: Release, lost: str) -> None:
    """What the cluster has once alone goes to the other node, so that the gap is that of the platform."""
    release.cluster.k("cordon", lost)
    try:
        for namespace, label in INFRASTRUCTURE:
            chosen = ("-n", namespace, "pods", "-l", label)
            field = f"--field-selector=spec.nodeName={lost}"
            release.cluster.k("delete", *chosen, field)
            release.cluster.k("wait", "--for=condition=Ready", "--timeout=60s", *chosen)
    finally:
        release.cluster.k("uncordon", lost)
