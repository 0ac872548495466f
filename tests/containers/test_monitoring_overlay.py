"""The overlay for monitoring: Prometheus beside the stack reads each service that is there, and the rules."""

import json
import shutil
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from stock_analysis.testing.processes import free_port
from tests.containers.bases import PREFIX, StandIns
from tests.containers.podman import build_standin, logs, run, wait_for
from tests.containers.stack import Stack
from tools.container_parts import HOME, STANDINS


@pytest.fixture(scope="module")
def prometheus(stack: Stack, standins: StandIns) -> Iterator[str]:
    """Its address; it runs with the services of the stack that is there."""
    programs = HOME / "prometheus"
    programs.mkdir(exist_ok=True)
    for name in ("prometheus", "promtool"):
        found = shutil.which(name)
        assert found, f"{name} is not on the PATH: run `make test`, which installs it"
        shutil.copy2(found, programs / name)
    image = build_standin(
        f"{PREFIX}/prometheus:test", STANDINS / "prometheus.Dockerfile", {"PYTHON_IMAGE": standins.python}
    )
    created = stack.run_platform("keys", "create", "prometheus", "--scope", "operate", "--json")
    folder = stack.secrets / "services" / "prometheus"
    folder.mkdir(mode=0o750)
    (folder / "metrics_key").write_text(json.loads(created)["key"])
    (folder / "metrics_key").chmod(0o640)
    port = free_port()
    variables = {"PROMETHEUS_IMAGE": image, "STOCK_PROMETHEUS_PORT": str(port)}
    try:
        stack.compose_with(
            ("compose.monitoring.yaml",), variables, "--profile", "monitoring", "up", "-d", "prometheus"
        )
        yield f"http://127.0.0.1:{port}"
    finally:
        run("podman", "rm", "-f", "-v", stack.container("prometheus"), check=False)
        run("podman", "volume", "rm", "-f", f"{stack.project}_prometheus", check=False)


def ask(prometheus: str, path: str) -> Any:
    """What it answers; None while it does not, or only says that it is starting."""
    try:
        return httpx.get(f"{prometheus}/api/v1/{path}", timeout=10).raise_for_status().json()["data"]
    except httpx.HTTPError:
        return None


def test_prometheus_reads_the_services_and_the_rules(stack: Stack, prometheus: str) -> None:
    def health() -> dict[str, str]:
        found = ask(prometheus, "targets") or {"activeTargets": []}
        return {one["labels"]["job"]: one["health"] for one in found["activeTargets"]}

    def are_up() -> bool:
        return all(health().get(job) == "up" for job in ("stock", "sentiment", "relay", "gateway"))

    wait_for(are_up, lambda: f"{health()} {logs(stack.container('prometheus'))}", timeout_s=120)
    groups = ask(prometheus, "rules")["groups"]
    alerts = {rule["name"] for group in groups for rule in group["rules"]}
    assert len(alerts) > 10
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}
    asked = partial(ask, prometheus, "query?query=sum(http_requests_total)by(job)")
    wait_for(lambda: len((asked() or {"result": []})["result"]) >= 2, lambda: str(asked()), timeout_s=60)


def test_prometheus_has_no_rights_and_its_page_is_on_loopback(stack: Stack, prometheus: str) -> None:
    posture = stack.posture("prometheus")
    assert posture["Uid"] == "65534"
    assert (posture["CapEff"], posture["NoNewPrivs"], posture["Root"]) == ("0" * 16, "1", "ro")
    ((bound,),) = stack.inspect("prometheus")["HostConfig"]["PortBindings"].values()
    assert prometheus == f"http://{bound['HostIp']}:{bound['HostPort']}"
