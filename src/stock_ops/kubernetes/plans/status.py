"""How a release stands, as a table. Pure."""

from collections.abc import Sequence

from stock_ops.kubernetes.objects import Object
from stock_ops.kubernetes.plans.rollout import is_behind, ready, wanted
from stock_ops.kubernetes.plans.why import troubles

COLUMNS = ("PART", "READY", "RESTARTS", "NODES", "IMAGE", "WHY")
_COMPONENT = "app.kubernetes.io/component"


def rows(workloads: Sequence[Object], pods: Sequence[Object]) -> list[tuple[str, ...]]:
    """A row for each part."""
    return [_row(one, _pods_of(one, pods)) for one in workloads]


def verdict(workloads: Sequence[Object], state: str) -> str:
    """well, degraded or stopped. state: Helm's word for the newest revision."""
    if state == "none" or not workloads:
        return "not installed"
    if any(ready(one) == 0 and wanted(one) for one in workloads):
        return "stopped in part"
    return "degraded" if any(map(is_behind, workloads)) or state != "deployed" else "well"


def _pods_of(workload: Object, pods: Sequence[Object]) -> list[Object]:
    part = workload["metadata"]["labels"][_COMPONENT]
    return [one for one in pods if one["metadata"]["labels"].get(_COMPONENT) == part]


def _row(workload: Object, pods: Sequence[Object]) -> tuple[str, ...]:
    states = [one for pod in pods for one in pod["status"].get("containerStatuses", [])]
    nodes = sorted({pod["spec"].get("nodeName", "-") for pod in pods})
    found = troubles(pods)
    image = workload["spec"]["template"]["spec"]["containers"][0]["image"]
    return (
        workload["metadata"]["labels"][_COMPONENT],
        f"{ready(workload)}/{wanted(workload)}",
        f"{sum(int(one.get('restartCount', 0)) for one in states)}",
        ", ".join(nodes),
        _short(image),
        found[0].says if found else "",
    )


def _short(image: str) -> str:
    """A digest's first digits tell two images apart."""
    name, at, digest = image.partition("@sha256:")
    return f"{name.rpartition('/')[2]}{at}{digest[:12]}"
