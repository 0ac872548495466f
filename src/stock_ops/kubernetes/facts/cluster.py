"""What a cluster holds of a release: pods, events, logs, quotas, the records of its deploys."""

import json
from dataclasses import dataclass
from typing import Any

from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.errors import ClusterError
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.objects import Object

CORE = "/api/v1/namespaces"


def of_release(environment: Environment) -> str:
    """The label that everything of a release has."""
    return f"app.kubernetes.io/instance={environment.release}"


def records_name(environment: Environment) -> str:
    """The ConfigMap that remembers the deploys."""
    return f"{environment.release}-deploys"


@dataclass(frozen=True, slots=True)
class Seen:
    """A release at one moment."""

    pods: list[Object]
    events: list[Object]
    quotas: list[Object]
    nodes_ready: int


def observe(connection: Connection, environment: Environment) -> Seen:
    """Everything of the release that a person would look at. Raises ClusterError."""
    here = f"{CORE}/{environment.namespace}"
    nodes = connection.items("/api/v1/nodes")
    return Seen(
        pods=pods_of(connection, environment),
        events=connection.items(f"{here}/events", limit="500"),
        quotas=connection.items(f"{here}/resourcequotas"),
        nodes_ready=sum(condition(node, "Ready") for node in nodes),
    )


def pods_of(connection: Connection, environment: Environment) -> list[Object]:
    """The pods of the release, those of commands included."""
    path = f"{CORE}/{environment.namespace}/pods"
    return connection.items(path, labelSelector=of_release(environment))


def deployments_of(connection: Connection, environment: Environment) -> list[Object]:
    """Deployments and StatefulSets of the release."""
    here = f"/apis/apps/v1/namespaces/{environment.namespace}"
    return [
        one
        for kind in ("deployments", "statefulsets")
        for one in connection.items(f"{here}/{kind}", labelSelector=of_release(environment))
    ]


def condition(thing: Object, kind: str) -> bool:
    """Whether a condition of an object holds."""
    found = thing.get("status", {}).get("conditions", [])
    return any(one["type"] == kind and one["status"] == "True" for one in found)


def log_of(
    connection: Connection, environment: Environment, pod: str, container: str, *, previous: bool = False
) -> list[str]:
    """The last lines of a container, of its run before where that ended."""
    path = f"{CORE}/{environment.namespace}/pods/{pod}/log"
    more = {"previous": "true"} if previous else {}
    return connection.text(path, container=container, tailLines="20", **more).splitlines()


def last_words_of_job(connection: Connection, environment: Environment, job: str) -> str:
    """The last line of its newest pod, else the newest event about it."""
    here = f"{CORE}/{environment.namespace}"
    pods = connection.items(f"{here}/pods", labelSelector=f"batch.kubernetes.io/job-name={job}")
    for pod in sorted(pods, key=lambda one: one["metadata"]["creationTimestamp"], reverse=True):
        container = pod["spec"]["containers"][0]["name"]
        if lines := log_of(connection, environment, pod["metadata"]["name"], container):
            return lines[-1]
    events = connection.items(f"{here}/events", fieldSelector=f"involvedObject.name={job}")
    return str(events[-1]["message"]) if events else "it said nothing"


def answer_of_probe(connection: Connection, environment: Environment, pod: Object) -> str:
    """What the pod answers at its readiness probe's path, asked inside of it; empty without an answer."""
    container = pod["spec"]["containers"][0]
    probe = container.get("readinessProbe", {}).get("httpGet")
    ports = container.get("ports", [])
    if not probe or not ports:
        return ""
    url = f"http://127.0.0.1:{ports[0]['containerPort']}{probe['path']}"
    command = ["python", "-c", _ASK, url]
    try:
        return connection.run_in(environment.namespace, pod["metadata"]["name"], container["name"], command)[
            1
        ]
    except ClusterError:
        return ""


_ASK = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=5).read(1000).decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read(1000).decode())
"""


def read_records(connection: Connection, environment: Environment) -> list[dict[str, Any]]:
    """The records of its deploys, the newest last."""
    found = connection.get(f"{CORE}/{environment.namespace}/configmaps/{records_name(environment)}")
    data = (found or {}).get("data") or {}
    return [json.loads(data[key]) for key in sorted(data)]


def secret_keys(connection: Connection, environment: Environment, name: str) -> dict[str, bool] | None:
    """The keys of a Secret, and whether each holds something; None where there is none. Never a value."""
    found = connection.get(f"{CORE}/{environment.namespace}/secrets/{name}")
    return None if found is None else {key: bool(value) for key, value in (found.get("data") or {}).items()}
