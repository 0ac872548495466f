"""A restore in a cluster: what it stops, the Job it makes of the chart's form, what it starts again. Pure.

Invariant: nothing that uses the database runs while its volume is written to, and a restore that failed
starts nothing: a server on an empty volume would begin another database.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stock_ops.kubernetes.objects import Object
from stock_ops.kubernetes.plans.rollout import wanted

BEFORE = "stock-analysis/replicas-before-restore"
"""Annotation of a workload that a restore stopped: how many pods it had."""
SERVER, WRITER = "postgresql", "backup"
_COMPONENT = "app.kubernetes.io/component"
_STAYS = ("valkey", "kafka")


@dataclass(frozen=True, slots=True)
class Stopped:
    """A workload that a restore stops, and starts again."""

    path: str
    part: str
    replicas: int

    @property
    def name(self) -> str:
        """Of the workload."""
        return self.path.rpartition("/")[2]


def to_stop(workloads: Sequence[Object], namespace: str) -> tuple[Stopped, ...]:
    """All but Valkey and Kafka, in the order in which they stop. What stopped already keeps its number."""
    found = [
        Stopped(_path(one, namespace), one["metadata"]["labels"][_COMPONENT], _before(one))
        for one in workloads
        if one["metadata"]["labels"][_COMPONENT] not in _STAYS
    ]
    return tuple(sorted(found, key=lambda one: (_turn(one), one.part)))


def _turn(stopped: Stopped) -> int:
    """The writer of the backups outlives the parts, to ship their last changes; the database outlives it."""
    return {WRITER: 1, SERVER: 2}.get(stopped.part, 0)


def turns(stopped: Sequence[Stopped]) -> tuple[tuple[Stopped, ...], ...]:
    """Those that stop together, one group after the other."""
    return tuple(tuple(one for one in stopped if _turn(one) == turn) for turn in range(3))


def _path(workload: Object, namespace: str) -> str:
    kind = "statefulsets" if "serviceName" in workload["spec"] else "deployments"
    return f"/apis/apps/v1/namespaces/{namespace}/{kind}/{workload['metadata']['name']}"


def _before(workload: Object) -> int:
    told = (workload["metadata"].get("annotations") or {}).get(BEFORE)
    return int(told) if told else wanted(workload)


def is_stopped(workload: Object) -> bool:
    """Whether a restore stopped it."""
    return BEFORE in (workload["metadata"].get("annotations") or {})


def in_order(stopped: Sequence[Stopped]) -> tuple[tuple[Stopped, ...], tuple[Stopped, ...]]:
    """The database, and what starts once it is there and has the newest schema."""
    server = tuple(one for one in stopped if one.part == SERVER)
    return server, tuple(one for one in stopped if one.part != SERVER)


def job_of(form: Object, name: str, words: Sequence[str], outside: str) -> Object:
    """The Job of a restore, of the chart's form of it. words: those of `stockops restore`."""
    template = form["spec"]["jobTemplate"]
    spec = json.loads(json.dumps(template["spec"]))
    spec["ttlSecondsAfterFinished"] = 86_400
    container = spec["template"]["spec"]["containers"][0]
    container["args"] = ["restore", "--yes", *(word for word in words if word != "--yes")]
    variable, _, value = outside.partition("=")
    container["env"] = [*container["env"], {"name": variable, "value": value}]
    metadata = {"name": name, "labels": template["metadata"]["labels"]}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def claim_of(server: Object) -> Object:
    """The volume claim of the database, as its StatefulSet makes it."""
    template = server["spec"]["volumeClaimTemplates"][0]
    name = f"{template['metadata']['name']}-{server['metadata']['name']}-0"
    labels = server["spec"]["selector"]["matchLabels"]
    spec = {key: template["spec"][key] for key in template["spec"] if key != "volumeMode"}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": spec,
    }


def without_ours(fields: Sequence[Mapping[str, object]], manager: str) -> list[Mapping[str, object]]:
    """managedFields without what a manager owns: Helm alone decides over the number of pods."""
    return [one for one in fields if one.get("manager") != manager]
