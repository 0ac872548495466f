"""The verbs of the target kubernetes on a real cluster: what they check, refuse, record and go back to."""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from tests.cluster.cluster import until
from tests.cluster.release import NAME, STOCKOPS, Release
from tools.container_parts import ROOT

LEASE = f"{NAME}-deploy"
RECORDS = f"{NAME}-deploys"


def checks(said: dict[str, Any]) -> dict[str, str]:
    return {one["check"]: one["state"] for one in said["checks"]}


def records(release: Release) -> list[dict[str, Any]]:
    data = release.cluster.get("-n", release.namespace, "configmap", RECORDS)["data"]
    return [json.loads(data[key]) for key in sorted(data)]


def test_a_deploy_is_recorded_as_a_configmap_and_an_event(installed: Release) -> None:
    first = records(installed)[0]
    assert first["outcome"] == "deployed"
    assert first["images"]
    assert first["by"]
    assert first["values"].startswith("sha256:")
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert first["commit"].startswith(commit)
    events = installed.cluster.get("-n", installed.namespace, "events")["items"]
    assert "Deployed" in {one["reason"] for one in events if one["involvedObject"]["name"] == RECORDS}


def test_all_checks_pass_before_a_deploy_and_the_same_again_changes_nothing(installed: Release) -> None:
    before = installed.revision()
    said = installed.stockops("diff", installed.environment())
    states = checks(said)
    assert set(states) >= {"namespace", "digest", "schema", "secrets", "quota", "migrations", "backup"}
    assert "failed" not in states.values()
    assert {one["object"] for one in said["changes"]} <= {f"Job/{NAME}-migrate"}
    installed.deploy()
    unchanged = installed.deploy()
    assert unchanged["changed"] is False
    assert installed.revision() <= before + 1


def test_a_diff_shows_the_line_that_would_change(installed: Release) -> None:
    said = installed.stockops("diff", installed.environment({"settings": {"STOCK_LOG_LEVEL": "warning"}}))
    (settings,) = (one for one in said["changes"] if one["object"] == f"ConfigMap/{NAME}-settings")
    assert "+  STOCK_LOG_LEVEL: warning" in settings["lines"]


def refused(release: Release, *values: dict[str, Any]) -> str:
    """Why a deploy is refused, before anything is changed."""
    before = release.revision()
    said = release.deploy(*values, code=5)
    assert release.revision() == before
    return str(said["error"]["why"])


def test_what_is_wrong_is_refused_before_anything_changes(installed: Release) -> None:
    assert "quota: pods: " in refused(installed, {"quota": {"hard": {"pods": "5"}}})
    assert "replica" in refused(installed, {"parts": {"stock": {"replica": 3}}})
    assert "is not pinned" in refused(
        installed,
        {"image": {"allowTag": False, "digest": f"sha256:{'0' * 64}"}},
        {"database": {"managed": {"image": "x:1"}}},
    )
    assert "secrets: there is no Secret nothing" in refused(installed, {"secrets": {"existing": "nothing"}})
    assert "schema: the cluster refuses" in refused(
        installed, {"database": {"managed": {"storage": {"size": "2Gi"}}}}
    )


def lease(seen: datetime) -> str:
    at = seen.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": "someone@else", "leaseDurationSeconds": 60, "acquireTime": at, "renewTime": at}
    document = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": LEASE},
        "spec": spec,
    }
    return str(yaml.safe_dump(document))


def test_a_deploy_that_was_killed_is_undone_by_the_next_one(installed: Release) -> None:
    """Helm takes no change of a release in which another one was begun and not ended."""
    serving = installed.revision()
    missing = installed.environment({"image": {"tag": "no-such"}}, name="missing")
    begun = installed.start("deploy", missing, "--yes")
    until(lambda: installed.state() == "pending-upgrade", telling=installed.told)
    begun.kill()
    begun.communicate()
    assert installed.state() == "pending-upgrade"
    # As it is a minute later: the lease of who died lets go.
    installed.cluster.apply(lease(datetime.now(UTC) - timedelta(minutes=2)), installed.namespace)
    assert installed.deploy({"settings": {"STOCK_LOG_LEVEL": "debug"}})["outcome"] == "deployed"
    assert (installed.state(), installed.revision()) == ("deployed", serving + 3)  # killed, undone, deployed
    assert installed.deploy()["outcome"] == "deployed"


def test_two_deploys_at_once_are_refused_and_one_that_died_lets_go(installed: Release) -> None:
    change = {"settings": {"STOCK_LOG_LEVEL": "info"}}
    installed.cluster.apply(lease(datetime.now(UTC)), installed.namespace)
    said = installed.deploy(change, code=6)
    assert "someone@else" in said["error"]["why"]
    installed.cluster.apply(lease(datetime.now(UTC) - timedelta(minutes=2)), installed.namespace)
    assert installed.deploy(change)["outcome"] == "deployed"
    assert "not found" in installed.k("get", "lease", LEASE, check=False)


def test_a_rollback_goes_back_unless_the_schema_is_ahead(installed: Release) -> None:
    """Of the change that the test before this one deployed."""
    before = records(installed)
    environment = installed.environment()
    said = installed.stockops("rollback", environment, "--yes")
    assert said["outcome"] == "rolled back"
    assert [one["outcome"] for one in records(installed)] == [
        *(one["outcome"] for one in before),
        "rolled back",
    ]
    assert "STOCK_LOG_LEVEL" not in installed.k("get", "configmap", f"{NAME}-settings", "-o", "yaml")
    ahead = {**records(installed)[-1], "number": 900_000, "outcome": "deployed", "post": 9999}
    patch = json.dumps({"data": {"900000.json": json.dumps(ahead)}})
    installed.k("patch", "configmap", RECORDS, "--type=merge", "-p", patch)
    try:
        refusal = installed.stockops("rollback", environment, "--yes", code=5)
        assert "9999" in refusal["error"]["why"]
        assert "post migration 9999" in refused(installed, {"settings": {"STOCK_LOG_LEVEL": "info"}})
    finally:
        installed.k("patch", "configmap", RECORDS, "--type=merge", "-p", '{"data": {"900000.json": null}}')


def test_status_smoke_doctor_and_logs_say_how_it_is(installed: Release) -> None:
    environment = installed.environment()
    state = installed.stockops("status", environment, "--target", "kubernetes")
    assert state["state"] == "well"
    assert state["backups"]["verdict"]["headline"]
    assert {one["part"] for one in state["parts"]} == {
        "stock",
        "sentiment",
        "gateway",
        "relay",
        "live",
        "backup",
        "postgresql",
        "valkey",
        "kafka",
    }
    smoke = installed.stockops("smoke", environment)
    steps = {line.split()[1] for line in smoke["said"] if line.startswith("ok")}
    assert steps == {"ready", "page", "no_key", "search", "chart", "limits", "error", "stream"}
    (chart,) = (line for line in smoke["said"] if "chart" in line)
    assert "8 of them known" in chart
    assert installed.stockops("--target", "kubernetes", "doctor", environment)["ok"]
    by_requests = {"parts": {"gateway": {"autoscaling": {"requestsPerSecond": 50}}}}
    doctor = ("--target", "kubernetes", "doctor", installed.environment(by_requests))
    assert checks(installed.stockops(*doctor, code=1))["request rate"] == "failed"
    logged = subprocess.run(
        [STOCKOPS, "logs", environment, "gateway", "--target", "kubernetes"],
        capture_output=True,
        text=True,
        env={**os.environ, "KUBECONFIG": str(installed.cluster.kubeconfig)},
        timeout=60,
        check=True,
    )
    assert f"{NAME}-gateway-" in logged.stdout
