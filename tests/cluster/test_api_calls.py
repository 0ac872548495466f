"""What goes to the API of a cluster, byte for byte, and the Job of a command with the owner's rights."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kubernetes.client
import pytest

from stock_ops.kubernetes.connection import Answer, Connection
from stock_ops.kubernetes.facts.environment import Environment, read_environment
from stock_ops.kubernetes.runners.command import reseal_keys, run_as_owner
from tools.container_parts import ROOT

NEW = "registry.example/stock@sha256:" + "a" * 64
VALUES = """
deploy: {namespace: n, release: r}
image: {repository: registry.example/stock}
secrets: {existing: s}
database: {managed: {image: "t@sha256:DIGEST"}}
valkey: {managed: {image: "v@sha256:DIGEST"}}
"""


class Cluster:
    """Says of each Job at once that it has come to this end."""

    def __init__(self, end: str, log: str = "") -> None:
        self.end, self.log = end, log
        self.asked: list[tuple[str, str]] = []
        self.job: dict[str, Any] = {}

    def ask(self, method: str, path: str, **more: Any) -> Answer:
        self.asked.append((method, path))
        if method == "POST":
            self.job = more["body"]
            return Answer(201, {"metadata": {"name": "r-keys-reseal-x"}})
        return Answer(200, {})

    def well(self, answer: Answer, what: str) -> dict[str, Any]:
        assert answer.status < 400, what
        return answer.body

    def get(self, _: str) -> dict[str, Any]:
        return {"status": {"conditions": [{"type": self.end, "status": "True"}]}}

    def items(self, path: str, labelSelector: str = "", **_: str) -> list[dict[str, Any]]:  # noqa: N803 - the API's name
        assert path.endswith("/pods")
        if "job-name" in labelSelector:
            spec = {"containers": [{"name": "migrations"}]}
            return [{"metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": spec}]
        return [
            {
                "metadata": {"name": "g", "labels": {"app.kubernetes.io/component": "gateway"}},
                "spec": {"containers": [{"image": NEW}]},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }
        ]

    def text(self, _: str, **__: str) -> str:
        return self.log


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    path = tmp_path / "e.yaml"
    path.write_text(VALUES.replace("DIGEST", "b" * 64))
    return read_environment(f"{path}", here=ROOT)


def run(cluster: Any, environment: Environment) -> str:
    return run_as_owner(cluster, environment, reseal_keys("api_key_pepper", "0123"))


def test_it_runs_in_the_version_that_serves_and_its_job_is_taken_away(environment: Environment) -> None:
    cluster = Cluster("Complete")
    assert run(cluster, environment) == ""
    pod = cluster.job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == NEW
    assert container["command"][-2:] == ["api_key_pepper", "0123"]
    (items,) = (one["secret"]["items"] for one in pod["volumes"] if "secret" in one)
    assert {one["key"] for one in items} == {"stock_analysis", "api_key_pepper"}
    assert [method for method, _ in cluster.asked] == ["POST", "DELETE"]


def test_one_that_fails_says_its_last_words(environment: Environment) -> None:
    cluster = Cluster("Failed", "first\nthe pepper 1a2b of the key abc is not known here\n")
    assert run(cluster, environment) == "the pepper 1a2b of the key abc is not known here"
    assert cluster.asked[-1][0] == "DELETE"


@pytest.mark.parametrize(
    "kind", ["application/json", "application/merge-patch+json", "application/apply-patch+yaml"]
)
def test_an_object_is_sent_as_one_json_document(kind: str) -> None:
    sent: list[Any] = []

    def request(*_: Any, body: Any, **__: Any) -> SimpleNamespace:
        sent.append(body)
        return SimpleNamespace(status=200, data=b"{}", read=lambda: b"{}", reason="OK")

    client: Any = kubernetes.client.ApiClient(kubernetes.client.Configuration(host="http://cluster.invalid"))
    client.rest_client.pool_manager = SimpleNamespace(request=request)
    Connection(client).ask("PATCH", "/api/v1/pods/a", body={"metadata": {"name": "a"}}, kind=kind)
    assert sent == ['{"metadata": {"name": "a"}}']
