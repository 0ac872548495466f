"""Amounts as Kubernetes writes them, and what pods ask for together. Pure."""

from collections.abc import Iterable

from stock_ops.kubernetes.objects import Object

_UNITS = {
    "m": 0.001,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
WORKLOADS = {"Deployment", "StatefulSet", "Job", "Pod", "CronJob"}


def amount(text: str | int | float) -> float:
    """100m, 1.5, 2Gi as a number: cores, bytes, or pieces."""
    words = str(text)
    for unit in sorted(_UNITS, key=len, reverse=True):
        if words.endswith(unit):
            return float(words.removesuffix(unit)) * _UNITS[unit]
    return float(words)


def pod_of(document: Object) -> Object | None:
    """The specification of its pods, if it makes any."""
    if document["kind"] not in WORKLOADS:
        return None
    spec: Object = document["spec"]
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec if document["kind"] == "Pod" else spec["template"]["spec"]


def containers_of(document: Object) -> list[Object]:
    """All of its pods' containers, those that run first included."""
    pod = pod_of(document)
    return [] if pod is None else [*pod.get("initContainers", []), *pod["containers"]]


def asked_for(documents: Iterable[Object]) -> dict[str, float]:
    """What all pods together ask for while a new version takes over: at an HPA's most, and one more of each.

    Keys as those of a ResourceQuota. Commands that end are left out: they run before or after.
    """
    listed = list(documents)
    most = {
        one["spec"]["scaleTargetRef"]["name"]: int(one["spec"]["maxReplicas"])
        for one in listed
        if one["kind"] == "HorizontalPodAutoscaler"
    }
    total: dict[str, float] = {"pods": 0}
    for one in listed:
        pod = pod_of(one)
        if pod is None or one["kind"] in {"Job", "Pod", "CronJob"}:
            continue
        count = most.get(one["metadata"]["name"], int(one["spec"].get("replicas", 1)))
        count += one["kind"] == "Deployment"
        total["pods"] += count
        beside = [one for one in pod.get("initContainers", []) if one.get("restartPolicy") == "Always"]
        for container in (*pod["containers"], *beside):
            for kind, amounts in container.get("resources", {}).items():
                for name, value in amounts.items():
                    key = f"{kind}.{name}"
                    total[key] = total.get(key, 0) + count * amount(value)
    return total


def shown(key: str, value: float) -> str:
    """An amount for people."""
    if key.endswith("memory"):
        return f"{value / 2**30:.1f} GiB"
    return f"{value:g}"
