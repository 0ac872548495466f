"""An autoscaler on the real figures of the cluster's metrics."""

import time
from collections.abc import Callable

import httpx
import pytest

from tests.cluster.cluster import until
from tests.cluster.load import load
from tests.cluster.release import NAME, Release

Report = Callable[[str, str], None]
pytestmark = pytest.mark.usefixtures("alone")


def test_an_autoscaler_adds_pods_under_load_and_takes_them_away(
    installed: Release, client: httpx.Client, report: Report
) -> None:
    def replicas() -> int:
        return int(installed.k("get", "hpa", f"{NAME}-gateway", "-o", "jsonpath={.status.currentReplicas}"))

    def told() -> str:
        return installed.k("describe", "hpa", f"{NAME}-gateway")

    until(lambda: replicas() == 2, seconds=150, telling=told)
    started = time.monotonic()
    with load(client, least=1, pause_s=0) as answers:
        until(lambda: replicas() == 3, seconds=90, telling=told)
        up = time.monotonic() - started
    until(lambda: replicas() == 2, seconds=150, telling=told)
    down = time.monotonic() - started - up
    report("autoscaling", f"2 to 3 pods after {up:.0f} s of load, back after {down:.0f} s, {dict(answers)}")
    assert set(answers) == {"200"}
