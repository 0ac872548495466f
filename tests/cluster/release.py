"""The chart, rendered or installed with Helm 4 as a library."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import helm_python
import yaml

from stock_ops.kubernetes.facts.rendered import NOTES
from tests.cluster.cluster import Cluster, until
from tools.container_parts import ROOT

CHART = ROOT / "deploy" / "chart" / "stock-analysis"
NAME = "s"
SECRET = "stock-secrets"
STOCKOPS = Path(sys.executable).with_name("stockops")
Values = dict[str, Any]
Document = dict[str, Any]

PLAIN: Values = {"settings": {"shared_preload_libraries": ""}}
"""Of `database.managed`: the stand-in has no TimescaleDB."""
LITTLE: Values = {"resources": {"requests": {"cpu": "20m"}}}
"""Of a part or a server that no autoscaler looks at: three releases share the processors of two nodes."""
SMALL: Values = {"storage": {"size": "1Gi"}, **LITTLE}
"""Of a managed server."""
PINNED = "@sha256:" + "0" * 64
LEAST: Values = {
    "image": {"digest": f"sha256:{'0' * 64}"},
    "secrets": {"existing": SECRET},
    "database": {"managed": {"image": f"timescale/timescaledb{PINNED}"}},
    "valkey": {"managed": {"image": f"valkey/valkey{PINNED}"}},
    "backup": {"image": {"digest": f"sha256:{'0' * 64}"}},
}
"""The values that have no default, for rendering alone."""


def gateway_of(cluster: Cluster) -> Values:
    """`route.gatewayApi` for the way into that cluster."""
    return {"enabled": True, "className": cluster.gateway_class, "httpPort": cluster.gateway_port}


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
    files = rendered(*values, upgrade=upgrade, chart=chart)
    manifests = [text for name, text in files.items() if not name.endswith(NOTES)]
    return [document for text in manifests for document in yaml.safe_load_all(text) if document]


def rendered(*values: Mapping[str, Any], upgrade: bool = False, chart: Path = CHART) -> dict[str, str]:
    """Every file of the chart, filled in, by name."""
    with helm_python.Chart.load(chart) as loaded:
        return dict(
            loaded.render(
                merged(LEAST, *values), name=NAME, namespace="n", is_install=not upgrade, is_upgrade=upgrade
            )
        )


@dataclass
class Release:
    """An installation in a namespace of its own, by the verbs of `stockops`."""

    cluster: Cluster
    folder: Path
    """Of the environment file and the secrets."""
    namespace: str
    values: Values
    took_s: float = 0.0
    """The newest installation."""

    @property
    def host(self) -> str:
        """Its name at the way in, which other releases on the cluster share."""
        return str(self.values["route"]["host"])

    @property
    def secrets(self) -> Path:
        """Folder of the secrets outside the cluster."""
        return self.folder / "secrets"

    def environment(self, *values: Mapping[str, Any], name: str = "test") -> Path:
        """An environment file of the values, and of more."""
        where = {"deploy": {"namespace": self.namespace, "release": NAME, "timeoutSeconds": 400}}
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(merged(self.values, where, *values)))
        return path

    def stockops(self, *words: str | Path, code: int = 0) -> dict[str, Any]:
        """What a verb says as JSON; it must end with that code."""
        begun = self.start(*words)
        out, err = begun.communicate(timeout=900)
        said = f"{out[-6000:]}\n{err[-2000:]}"
        assert begun.returncode == code, f"ended with {begun.returncode}: {said}\n{self.told()}"
        found: dict[str, Any] = json.loads(out)
        return found

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """A verb that was begun."""
        return subprocess.Popen(
            [STOCKOPS, *map(str, words), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self._environ(),
        )

    def _environ(self) -> dict[str, str]:
        return os.environ | {"KUBECONFIG": str(self.cluster.kubeconfig)}

    def prepare(self) -> None:
        """The secrets, drawn outside, and with them the namespace."""
        self.stockops("secrets", "init", "--folder", self.secrets)
        self.stockops("secrets", "push", self.environment(), "--folder", self.secrets)

    def install(self) -> None:
        """Until all is ready, and was verified."""
        self.took_s = float(self.deploy()["seconds"])

    def deploy(self, *values: Mapping[str, Any], code: int = 0) -> dict[str, Any]:
        """`stockops deploy` of the values and more."""
        return self.stockops("deploy", self.environment(*values), "--yes", code=code)

    def bring_up(self, timeout: int = 400) -> None:
        """By Helm alone, what has no gateway that a smoke test could ask."""
        with self._config() as config:
            config.install(str(CHART), NAME, self.values, wait="watcher", timeout=timeout)

    def upgrade(self, *values: Mapping[str, Any], chart: Path = CHART, timeout: int = 400) -> None:
        """By Helm alone, as with another chart. Raises helm_python.HelmError."""
        with self._config() as config:
            config.upgrade(str(chart), NAME, merged(self.values, *values), wait="watcher", timeout=timeout)

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

    def steady(self) -> None:
        """Two pods of each part that serves, ready."""
        for part in ("gateway", "stock"):
            until(partial(self._has_two, part), telling=self.told)

    def _has_two(self, part: str) -> bool:
        return len(self.ready(part)) >= 2

    def well(self) -> None:
        """`stockops status` says so; a pod that an autoscaler has just asked for may start first."""

        def state() -> str:
            words = [f"{STOCKOPS}", "status", f"{self.environment()}", "--target", "kubernetes", "--json"]
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=60, env=self._environ(), cwd=ROOT, check=False
            )
            assert done.returncode in (0, 3), done.stderr
            return str(json.loads(done.stdout)["state"])

        until(lambda: state() == "well", seconds=60, telling=self.told)

    def revision(self) -> int:
        """The newest that Helm has stored."""
        stored = self.k("get", "secrets", "-l", f"owner=helm,name={NAME}", "-o", "name").split()
        return max(int(name.rpartition(".v")[2]) for name in stored)

    def state(self) -> str:
        """Of that one."""
        path = f"sh.helm.release.v1.{NAME}.v{self.revision()}"
        return self.k("get", "secret", path, "-o", "jsonpath={.metadata.labels.status}")

    def versions(self) -> set[str]:
        """Images of the gateway's pods that take requests."""
        ready = self.ready("gateway")
        return {
            pod["spec"]["containers"][0]["image"]
            for pod in self.pods("gateway")
            if pod["metadata"]["name"] in ready
        }

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
