"""The chart, rendered or installed with Helm 4 as a library."""

import base64
import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python
import yaml

from tests.cluster.cluster import Cluster, until
from tools.container_parts import ROOT

CHART = ROOT / "deploy" / "chart" / "stock-analysis"
NAME = "s"
SECRET = "stock-secrets"
KEYS = (
    "postgres",
    "stock_analysis",
    "stock_writer",
    "stock_reader",
    "stock_gateway",
    "stock_relay",
    "stock_backup",
    "valkey",
    "session_key",
    "api_key_pepper",
)
Values = dict[str, Any]
Document = dict[str, Any]

PINNED = "@sha256:" + "0" * 64
LEAST: Values = {
    "image": {"digest": f"sha256:{'0' * 64}"},
    "secrets": {"existing": SECRET},
    "database": {"managed": {"image": f"timescale/timescaledb{PINNED}"}},
    "valkey": {"managed": {"image": f"valkey/valkey{PINNED}"}},
}
"""The values that have no default, for rendering alone."""


def merged(*values: Mapping[str, Any]) -> Values:
    """One over the other, as Helm merges files of values."""
    result: Values = {}
    for one in values:
        for key, value in one.items():
            both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
            result[key] = merged(result[key], value) if both else deepcopy(value)
    return result


def render(*values: Mapping[str, Any], upgrade: bool = False, chart: Path = CHART) -> list[Document]:
    """Every document of the chart. Raises helm_python.HelmError."""
    with helm_python.Chart.load(chart) as loaded:
        files = loaded.render(
            merged(LEAST, *values), name=NAME, namespace="n", is_install=not upgrade, is_upgrade=upgrade
        )
    return [document for text in files.values() for document in yaml.safe_load_all(text) if document]


@dataclass
class Release:
    """An installation in a namespace of its own."""

    cluster: Cluster
    namespace: str
    values: Values

    def prepare(self, secrets: Mapping[str, str]) -> None:
        """The namespace as production has it, and the secrets from outside."""
        self.cluster.k("create", "namespace", self.namespace)
        label = "pod-security.kubernetes.io/enforce=restricted"
        self.cluster.k("label", "namespace", self.namespace, label)
        document = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET},
            "stringData": dict(secrets),
        }
        self.cluster.apply(yaml.safe_dump(document), self.namespace)

    def install(self) -> float:
        """Seconds until all is ready."""
        return self._do("install", self.values)

    def upgrade(self, *values: Mapping[str, Any], chart: Path = CHART, timeout: int = 180) -> float:
        """Seconds until all is ready in the new form. Raises helm_python.HelmError."""
        return self._do("upgrade", merged(self.values, *values), chart=chart, timeout=timeout)

    def rollback(self) -> None:
        """To the newest revision that was well."""
        with self._config() as config:
            config.rollback(NAME, wait="watcher", timeout=180)

    def _do(self, verb: str, values: Values, *, chart: Path = CHART, timeout: int = 180) -> float:
        before = time.monotonic()
        with self._config() as config:
            try:
                getattr(config, verb)(str(chart), NAME, values, wait="watcher", timeout=timeout)
            except helm_python.HelmError as error:
                error.add_note(self.told())
                raise
        return time.monotonic() - before

    def test(self) -> None:
        """`helm test`."""
        with self._config() as config:
            config.test(NAME, timeout=120)

    def uninstall(self) -> None:
        with self._config() as config:
            config.uninstall(NAME, wait="watcher", timeout=120)

    def remove(self) -> None:
        """The namespace with everything in it."""
        self.cluster.k("delete", "namespace", self.namespace, "--wait=false", check=False)

    def _config(self) -> helm_python.Config:
        return helm_python.Config(kubeconfig_path=str(self.cluster.kubeconfig), namespace=self.namespace)

    def k(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """kubectl in the namespace."""
        return self.cluster.k("-n", self.namespace, *arguments, stdin=stdin, check=check)

    def pods(self, part: str) -> list[Document]:
        """Those of a part that are not ending."""
        found = self.cluster.get("-n", self.namespace, "pods", "-l", f"app.kubernetes.io/component={part}")
        return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]

    def ready(self, part: str) -> list[str]:
        """Names of the pods of a part that take requests."""
        return [
            pod["metadata"]["name"]
            for pod in self.pods(part)
            for condition in pod["status"].get("conditions", [])
            if condition["type"] == "Ready" and condition["status"] == "True"
        ]

    def owner(self, *arguments: str) -> str:
        """A command of the platform as the owner of the tables, in a pod that is gone afterwards."""
        job = next(
            one
            for one in render(self.values, {"image": {"digest": ""}})
            if one["metadata"]["name"] == f"{NAME}-migrate"
        )
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "owner"},
            "spec": job["spec"]["template"]["spec"],
        }
        pod["metadata"]["labels"] = job["spec"]["template"]["metadata"]["labels"]
        pod["spec"]["containers"][0]["args"] = list(arguments)
        return self.run_pod(pod)

    def run_pod(self, pod: Document) -> str:
        """What a pod has logged when it has ended well; it is gone afterwards."""
        name = pod["metadata"]["name"]
        self.cluster.apply(yaml.safe_dump(pod), self.namespace)
        try:
            until(
                lambda: self.k("get", "pod", name, "-o", "jsonpath={.status.phase}") == "Succeeded",
                telling=lambda: self.k("logs", name, check=False) + self.told(),
            )
            return self.k("logs", name)
        finally:
            self.k("delete", "pod", name, "--wait=false")

    def secret_values(self) -> dict[str, str]:
        """What the Secret holds, without what is empty."""
        data = self.cluster.get("-n", self.namespace, "secret", SECRET)["data"]
        return {name: base64.b64decode(value).decode() for name, value in data.items() if value}

    def told(self) -> str:
        """What a person would look at when something is wrong."""
        events = self.k("get", "events", "--sort-by=.lastTimestamp", check=False).splitlines()[-15:]
        names = [
            pod["metadata"]["name"]
            for pod in self.cluster.get("-n", self.namespace, "pods")["items"]
            if not all(one["ready"] for one in pod["status"].get("containerStatuses", []))
        ]
        logs = [f"--- {name}\n{self.k('logs', name, '--tail=8', check=False)}" for name in names]
        return "\n".join([self.k("get", "pods", check=False), *events, *logs])
