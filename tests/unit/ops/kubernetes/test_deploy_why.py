"""Ten lines that say why a version does not come up, and whether waiting helps."""

from collections.abc import Sequence
from typing import Any

from stock_ops.kubernetes.plans.diff import changes, counted
from stock_ops.kubernetes.plans.rollout import behind
from stock_ops.kubernetes.plans.status import rows, verdict
from stock_ops.kubernetes.plans.why import MOST, is_hopeless, newer, troubles, why

NO_IMAGE = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
CRASHED = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}


def pod(name: str, state: dict[str, Any], *, ready: bool = False, restarts: int = 0) -> dict[str, Any]:
    status = {"name": "main", "image": "a:1", "state": state, "ready": ready, "restartCount": restarts}
    return {
        "metadata": {"name": name, "uid": name, "labels": {"app.kubernetes.io/component": "gateway"}},
        "spec": {"containers": [{"name": "main"}], "nodeName": "n1"},
        "status": {"phase": "Running", "containerStatuses": [status]},
    }


def event(name: str, reason: str, message: str, at: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    about = {"name": name}
    return {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": about,
        "lastTimestamp": at,
    }


def logs_of(*lines: str) -> Any:
    def logs(_pod: str, _container: str, _previous: bool) -> Sequence[str]:
        return lines

    return logs


def no_answer(_pod: object) -> str:
    return ""


def test_what_runs_and_is_ready_or_has_ended_well_is_no_trouble() -> None:
    ended = pod("b", {"terminated": {"exitCode": 0}})
    ended["status"]["phase"] = "Succeeded"
    assert troubles([pod("a", {"running": {}}, ready=True), ended]) == []


def test_an_image_that_cannot_be_pulled_comes_before_a_pod_that_only_waits() -> None:
    found = troubles([pod("a", {"running": {}}), pod("b", NO_IMAGE)])
    assert [one.pod for one in found] == ["b", "a"]


def test_why_names_pod_image_event_answer_and_log() -> None:
    events = [event("a-1", "Unhealthy", "Readiness probe failed"), event("other", "Failed", "not this")]
    log = '{"message": "upstream unavailable", "log.level": "warning", "stock_analysis.upstream": "stock"}'
    told = why([pod("a-1", {"running": {}})], events, [], logs_of(log), lambda _: "503 not ready")
    assert told == (
        "pod a-1, container main: runs, and is not ready",
        "image a:1",
        "event Unhealthy: Readiness probe failed",
        "probe answers 503 not ready",
        "log warning upstream unavailable upstream=stock",
    )


def test_why_is_at_most_ten_lines_each_of_which_fits() -> None:
    events = [event("a", "Failed", f"{number} " + "x" * 900) for number in range(30)]
    told = why(
        [pod("a", CRASHED, restarts=5), pod("b", CRASHED)], events, [], logs_of(*["y" * 900] * 20), no_answer
    )
    assert len(told) <= MOST
    assert max(map(len, told)) <= 230


def test_a_spent_quota_is_told_with_what_is_used() -> None:
    message = 'pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5'
    status = {"hard": {"pods": "5"}, "used": {"pods": "5"}}
    quotas = [{"metadata": {"name": "q"}, "status": status}]
    told = why([], [event("rs", "FailedCreate", message)], quotas, logs_of(), no_answer)
    assert told[0] == "quota q is spent: requested: pods=1, used: pods=5, limited: pods=5"
    assert told[1] == "quota now pods 5 of 5"


def test_events_of_before_the_deploy_are_no_reason_unless_they_happen_again() -> None:
    def numbered(uid: str, version: str) -> dict[str, Any]:
        return event("rs", "FailedCreate", "m") | {"metadata": {"uid": uid, "resourceVersion": version}}

    old, again, new = numbered("a", "1"), numbered("b", "7"), numbered("c", "8")
    assert newer([old, again, new], [old, numbered("b", "2")]) == [again, new]


def test_nothing_that_failed_is_said_too() -> None:
    assert why([], [], [], logs_of(), no_answer) == ("the cluster shows nothing that failed",)


def test_waiting_is_hopeless_for_a_new_pod_without_image_and_not_for_an_old_one() -> None:
    assert is_hopeless([pod("a", NO_IMAGE)], lambda _: True)
    assert not is_hopeless([pod("a", NO_IMAGE)], lambda _: False)
    assert not is_hopeless([pod("a", CRASHED, restarts=1)], lambda _: True)
    assert is_hopeless([pod("a", CRASHED, restarts=3)], lambda _: True)
    tries = [pod(f"job-{number}", {"terminated": {"exitCode": 2}}) for number in range(3)]
    for one in tries:
        one["status"]["phase"] = "Failed"
        one["metadata"]["ownerReferences"] = [{"kind": "Job"}]
    assert is_hopeless(tries, lambda _: True)
    assert not is_hopeless(tries[:2], lambda _: True)


def workload(*, wanted: int = 2, ready: int = 2, updated: int = 2) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "s-gateway",
            "generation": 3,
            "labels": {"app.kubernetes.io/component": "gateway"},
        },
        "spec": {
            "replicas": wanted,
            "template": {"spec": {"containers": [{"image": f"r.example/a/b@sha256:{'1' * 64}"}]}},
        },
        "status": {"observedGeneration": 3, "updatedReplicas": updated, "readyReplicas": ready},
    }


def test_a_rollout_is_behind_until_every_new_pod_is_ready() -> None:
    assert behind([workload()]) == []
    assert behind([workload(updated=1)]) == ["s-gateway (2 of 2 ready)"]
    assert behind([workload(ready=1)]) == ["s-gateway (1 of 2 ready)"]


def test_status_is_well_degraded_stopped_or_not_there() -> None:
    assert verdict([workload()], "deployed") == "well"
    assert verdict([workload(ready=1)], "deployed") == "degraded"
    assert verdict([workload()], "failed") == "degraded"
    assert verdict([workload(ready=0)], "deployed") == "stopped in part"
    assert verdict([], "none") == "not installed"
    (row,) = rows([workload(ready=1)], [pod("a", NO_IMAGE)])
    assert row == ("gateway", "1/2", "0", "n1", "b@sha256:111111111111", "ImagePullBackOff: not found")


def test_a_difference_has_the_changed_lines_of_each_object_and_no_hook() -> None:
    def settings(**data: str) -> dict[str, Any]:
        return {"kind": "ConfigMap", "metadata": {"name": "s"}, "data": data}

    hook = {"kind": "Job", "metadata": {"name": "h", "annotations": {"helm.sh/hook": "test"}}}
    found = changes([settings(A="1", B="2")], [settings(A="1", B="3"), hook])
    assert [one.name for one in found] == ["ConfigMap/s"]
    assert "-  B: 2" in found[0].lines
    assert "+  B: 3" in found[0].lines
    assert counted(found) == "1 changed"
    assert changes([settings(A="1")], [settings(A="1")]) == ()
    assert counted(()) == "no changes"
