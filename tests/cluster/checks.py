"""What every rendered document must hold, each rule with a name; a broken chart is caught by name."""

import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate

Document = dict[str, Any]
WORKLOADS = {"Deployment", "StatefulSet", "Job", "Pod", "CronJob"}
VERSION = "1.37"
CUSTOM = (
    "gateway.networking.k8s.io/",
    "postgresql.cnpg.io/",
    "cert-manager.io/",
    "external-secrets.io/",
    "kafka.strimzi.io/",
)
_PINNED = re.compile(r"@sha256:[0-9a-f]{64}$")
_PLAIN_VARIABLE = re.compile(r"\$\(\w+\)")
_SECRET_NAME = re.compile(r"password|secret|token|api_?key", re.IGNORECASE)


def problems(documents: list[Document]) -> list[str]:
    """All that is wrong, as `rule: kind/name: what`."""
    found = [f"schema: {_name(one)}: {what}" for one in documents for what in _schema(one)]
    scaled = {
        one["spec"]["scaleTargetRef"]["name"] for one in documents if one["kind"] == "HorizontalPodAutoscaler"
    }
    for one in documents:
        rules = [*_pod_rules(one), *_selector(one), *_restarts(one), *_policy(one), *_secrets(one)]
        if one["kind"] == "Deployment" and one["metadata"]["name"] in scaled and "replicas" in one["spec"]:
            rules.append(("replicas-beside-hpa", "spec.replicas undoes what the HPA decided at each upgrade"))
        found += [f"{rule}: {_name(one)}: {what}" for rule, what in rules]
    return found


def rules(documents: list[Document]) -> set[str]:
    """Names of the rules that are broken."""
    return {one.partition(":")[0] for one in problems(documents)}


def _name(document: Document) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def _schema(document: Document) -> Iterator[str]:
    if document["apiVersion"].startswith(CUSTOM):
        return
    try:
        kubernetes_validate.validate(document, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield error.message.splitlines()[0]


def pod_of(document: Document) -> Document | None:
    """Its pods' specification, if it makes any."""
    if document["kind"] not in WORKLOADS:
        return None
    spec: Document = document["spec"]
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec if document["kind"] == "Pod" else spec["template"]["spec"]


def _pod_rules(document: Document) -> Iterator[tuple[str, str]]:
    pod = pod_of(document)
    if pod is None:
        return
    security = pod.get("securityContext", {})
    if not security.get("runAsNonRoot") or security.get("runAsUser", 0) == 0:
        yield "root", "the pod may run as root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "seccomp", "no seccomp profile"
    if pod.get("automountServiceAccountToken") is not False:
        yield "token", "the pod holds a token of the API"
    for one in pod.get("topologySpreadConstraints", []):
        if document["kind"] == "Deployment" and one.get("matchLabelKeys") != ["pod-template-hash"]:
            yield "spread-across-versions", "beside the pods of the old version the new ones go to one node"
        if document["kind"] == "Deployment" and one.get("nodeTaintsPolicy") != "Honor":
            yield "spread-over-lost-nodes", "a lost node counts as empty, so that its pods start nowhere else"
    serves = document["kind"] in {"Deployment", "StatefulSet"}
    for container in (*pod.get("initContainers", []), *pod["containers"]):
        yield from _container_rules(container, serves=serves)
    for mount, variables in (
        (m, c.get("env", [])) for c in pod["containers"] for m in c.get("volumeMounts", [])
    ):
        if any(one.get("name") == "PGDATA" and one.get("value") == mount["mountPath"] for one in variables):
            yield "pgdata-at-mount", "PGDATA is the mount itself, whose lost+found stops initdb"


def _container_rules(container: Document, *, serves: bool) -> Iterator[tuple[str, str]]:
    security = container.get("securityContext", {})
    if not security.get("readOnlyRootFilesystem"):
        yield "writable-root", "the root file system can be written to"
    if security.get("allowPrivilegeEscalation") is not False or security.get("capabilities", {}).get(
        "drop"
    ) != ["ALL"]:
        yield "privileges", "it may gain rights"
    if security.get("runAsUser") == 0 or security.get("privileged"):
        yield "root", "the container runs as root"
    if not _PINNED.search(container["image"]):
        yield "unpinned-image", container["image"]
    resources = container.get("resources", {})
    if not {"cpu", "memory"} <= resources.get("requests", {}).keys() or "memory" not in resources.get(
        "limits", {}
    ):
        yield "resources", "no requests of CPU and memory, or no limit of memory"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if serves and probe not in container:
            yield "missing-probe", probe
        words = container.get(probe, {}).get("exec", {}).get("command", [])
        if words and (
            words[0] not in ("/bin/sh", "sh") or any(_PLAIN_VARIABLE.search(word) for word in words)
        ):
            yield "variable-in-probe", "an exec probe expands its variables only through a shell"
    for variable in container.get("env", []):
        value = variable.get("value", "")
        if _SECRET_NAME.search(variable["name"]) and value and not value.startswith("/"):
            yield "secret-in-value", variable["name"]


def _selector(document: Document) -> Iterator[tuple[str, str]]:
    selector = document.get("spec", {}).get("selector")
    labels = selector.get("matchLabels", selector) if isinstance(selector, dict) else {}
    if any("version" in key for key in labels):
        yield (
            "version-in-selector",
            "a selector cannot change, so that the next version could not be rolled out",
        )


def _restarts(document: Document) -> Iterator[tuple[str, str]]:
    if document["kind"] != "StatefulSet":
        return
    labels = document["spec"]["template"]["metadata"]["labels"]
    if any("version" in key for key in labels):
        yield (
            "version-in-server",
            "the next version of the chart would restart the server for a label",
        )


def _policy(document: Document) -> Iterator[tuple[str, str]]:
    if document["kind"] != "NetworkPolicy":
        return
    spec = document["spec"]
    if set(spec.get("policyTypes", [])) != {"Ingress", "Egress"}:
        yield "open-policy", "not both directions"
    for direction in ("ingress", "egress"):
        for rule in spec.get(direction) or []:
            if not rule.get("from" if direction == "ingress" else "to") or not rule.get("ports"):
                yield "open-policy", f"{direction} for everybody or at every port"


def _secrets(document: Document) -> Iterator[tuple[str, str]]:
    if document["kind"] != "ConfigMap":
        return
    for key, value in document.get("data", {}).items():
        if _SECRET_NAME.search(key) and not str(value).startswith("/"):
            yield "secret-in-value", key
