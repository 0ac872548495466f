"""How far a rollout is, and how a release stands. Pure."""

from collections.abc import Iterable

from stock_ops.kubernetes.objects import Object


def wanted(workload: Object) -> int:
    """Pods that it shall have."""
    return int(workload["spec"].get("replicas", 1))


def ready(workload: Object) -> int:
    """Pods of it that take requests."""
    return int(workload.get("status", {}).get("readyReplicas", 0))


def is_behind(workload: Object) -> bool:
    """Whether its newest form is not yet everywhere and ready."""
    status = workload.get("status", {})
    return (
        int(status.get("observedGeneration", 0)) < int(workload["metadata"]["generation"])
        or int(status.get("updatedReplicas", 0)) < wanted(workload)
        or ready(workload) < wanted(workload)
    )


def behind(workloads: Iterable[Object]) -> list[str]:
    """Names of those, with what is ready of what there shall be."""
    return [
        f"{one['metadata']['name']} ({ready(one)} of {wanted(one)} ready)"
        for one in workloads
        if is_behind(one)
    ]
