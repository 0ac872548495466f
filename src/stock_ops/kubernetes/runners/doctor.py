"""What a deploy needs of environment and cluster."""

from typing import Any

from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.plans.checks import FAILED, OK, WARNING, Check
from stock_ops.kubernetes.runners.deploy import Work
from stock_ops.kubernetes.runners.prepare import prepare

_OLDEST = (1, 30)
_RIGHTS = (
    ("create", "apps", "deployments"),
    ("create", "apps", "statefulsets"),
    ("create", "batch", "jobs"),
    ("create", "networking.k8s.io", "networkpolicies"),
    ("create", "coordination.k8s.io", "leases"),
    ("create", "", "secrets"),
    ("create", "", "configmaps"),
    ("create", "", "events"),
)


def examine(work: Work) -> list[Check]:
    """The checks of the cluster, then those of a deploy. Raises OpsError where there is no answer."""
    connection, environment = work.connection, work.environment
    found = [_version(connection), _rights(connection, environment)]
    found += _add_ons(connection, environment)
    return [*found, *prepare(work.helm, connection, environment).checks]


def _version(connection: Connection) -> Check:
    said = connection.get("/version") or {}
    numbers = int(said.get("major", 0)), int(f"{said.get('minor', '0')}".rstrip("+"))
    if numbers < _OLDEST:
        return Check("cluster", FAILED, f"Kubernetes {said.get('gitVersion')}", "Take 1.30 or newer.")
    return Check("cluster", OK, f"Kubernetes {said.get('gitVersion')}")


def _rights(connection: Connection, environment: Environment) -> Check:
    lacking = [
        f"{verb} {kind}"
        for verb, group, kind in _RIGHTS
        if not _may(connection, environment, verb, group, kind)
    ]
    if lacking:
        todo = f"Ask the cluster's administrator for them in the namespace {environment.namespace}."
        return Check("rights", FAILED, f"not allowed: {', '.join(lacking)}", todo)
    return Check("rights", OK, f"all {len(_RIGHTS)} that a deploy needs")


def _may(connection: Connection, environment: Environment, verb: str, group: str, kind: str) -> bool:
    asked = {"namespace": environment.namespace, "verb": verb, "group": group, "resource": kind}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    answer = connection.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)
    return bool(connection.well(answer, "a question about rights")["status"]["allowed"])


def _add_ons(connection: Connection, environment: Environment) -> list[Check]:
    """What the cluster must have beside Kubernetes itself, as the values ask for it."""
    found = [_storage(connection)]
    values: dict[str, Any] = environment.values
    route = values.get("route") or {}
    gateway = route.get("gatewayApi") or {}
    if gateway.get("enabled"):
        found.append(_gateway_class(connection, str(gateway.get("className"))))
    if connection.get("/apis/metrics.k8s.io/v1beta1") is None:
        todo = "Install metrics-server, or turn autoscaling off for each part."
        found.append(Check("metrics", WARNING, "no metrics API: an HPA cannot scale", todo))
    else:
        found.append(Check("metrics", OK, "the metrics API is there"))
    return [*found, *_request_rate(connection, values)]


def _request_rate(connection: Connection, values: dict[str, Any]) -> list[Check]:
    """Whether something counts requests for the parts that are scaled by them; nothing where none is."""
    parts = [
        name
        for name, part in (values.get("parts") or {}).items()
        if (part.get("autoscaling") or {}).get("requestsPerSecond")
    ]
    if not parts:
        return []
    told = ", ".join(parts)
    if connection.get("/apis/custom.metrics.k8s.io/v1beta1") or connection.get(
        "/apis/custom.metrics.k8s.io/v1beta2"
    ):
        return [Check("request rate", OK, f"a metrics adapter is there, for {told}")]
    todo = "Install one (Prometheus Adapter) that has http_requests_per_second of pods, or set it to 0."
    return [
        Check(
            "request rate",
            FAILED,
            f"{told} scales by requestsPerSecond, and there is no metrics adapter",
            todo,
        )
    ]


def _storage(connection: Connection) -> Check:
    classes = connection.items("/apis/storage.k8s.io/v1/storageclasses")
    mark = "storageclass.kubernetes.io/is-default-class"
    names = [
        one["metadata"]["name"]
        for one in classes
        if (one["metadata"].get("annotations") or {}).get(mark) == "true"
    ]
    if names:
        return Check("storage", OK, f"default class {names[0]}")
    return Check("storage", WARNING, "no default storage class", "Name one in each storage.className.")


def _gateway_class(connection: Connection, name: str) -> Check:
    path = f"/apis/gateway.networking.k8s.io/v1/gatewayclasses/{name}"
    if connection.get(path) is None:
        todo = "Install a Gateway controller, or name its class in route.gatewayApi.className."
        return Check("way in", FAILED, f"there is no GatewayClass {name}", todo)
    return Check("way in", OK, f"GatewayClass {name}")
