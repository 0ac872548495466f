"""Why a version does not come up, in ten lines at most. Pure."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from stock_ops.kit.words import last_words
from stock_ops.kubernetes.objects import Object

MOST = 10
NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
FATAL = {
    *NO_IMAGE,
    "CreateContainerConfigError",
    "CreateContainerError",
    "CrashLoopBackOff",
    "RunContainerError",
}
_LINE = 220
_QUOTA = re.compile(r"exceeded quota: ([^,]+), (.+)")
Logs = Callable[[str, str, bool], Sequence[str]]
"""Last lines of a container: pod, container, whether of its run before."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A container that does not do its work."""

    pod: str
    container: str
    image: str
    says: str
    restarts: int
    rank: int
    """The lower, the nearer to the cause."""


def troubles(pods: Iterable[Object]) -> list[Trouble]:
    """Containers that wait, fail or are not ready, the nearest to the cause first."""
    found = [one for pod in pods for one in _of_pod(pod)]
    return sorted(found, key=lambda one: (one.rank, one.pod))


def _of_pod(pod: Object) -> Iterable[Trouble]:
    status, name = pod["status"], pod["metadata"]["name"]
    if status.get("phase") == "Succeeded" or "deletionTimestamp" in pod["metadata"]:
        return
    states = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    if not states:
        waits = [
            one for one in status.get("conditions", []) if one["status"] == "False" and one.get("message")
        ]
        for one in waits[:1]:
            yield Trouble(name, "-", "-", f"{one.get('reason', 'waiting')}: {one['message']}", 0, 1)
    for one in states:
        state, restarts = one.get("state", {}), int(one.get("restartCount", 0))
        if waiting := state.get("waiting"):
            reason = waiting.get("reason", "waiting")
            if reason in {"PodInitializing", "ContainerCreating"}:
                continue
            says = f"{reason}: {waiting.get('message', '')}".rstrip(": ")
            yield Trouble(name, one["name"], one["image"], says, restarts, 0 if reason in NO_IMAGE else 1)
        elif ended := state.get("terminated"):
            if ended.get("exitCode"):
                says = f"ended with exit code {ended['exitCode']} ({ended.get('reason', 'Error')})"
                yield Trouble(name, one["name"], one["image"], says, restarts, 1)
        elif not one.get("ready"):
            yield Trouble(name, one["name"], one["image"], "runs, and is not ready", restarts, 2)


def is_hopeless(pods: Iterable[Object], new: Callable[[Object], bool]) -> bool:
    """Whether waiting longer for the new pods makes no sense."""
    listed = list(pods)
    if sum(new(pod) and _is_failed_command(pod) for pod in listed) >= _RESTARTS:
        return True
    for pod in listed:
        if not new(pod):
            continue
        for one in troubles([pod]):
            reason = one.says.partition(":")[0]
            if reason in NO_IMAGE or (reason in FATAL and (one.restarts >= _RESTARTS or "Create" in reason)):
                return True
    return False


def _is_failed_command(pod: Object) -> bool:
    owners = pod["metadata"].get("ownerReferences") or []
    return pod["status"].get("phase") == "Failed" and any(one["kind"] == "Job" for one in owners)


_RESTARTS = 3
_OURS = "stock_analysis."
"""Begins the names of our own fields in a log line."""


def why(
    pods: Sequence[Object],
    events: Sequence[Object],
    quotas: Sequence[Object],
    logs: Logs,
    answer: Callable[[Object], str],
) -> tuple[str, ...]:
    """At most ten lines: what is wrong, where, and what it said last.

    pods: of the version that does not come up. answer: what a pod answers at its readiness probe's path.
    """
    lines: list[str] = []
    lines += _quota(events, quotas)
    found = troubles(pods)
    for one in found[:1]:
        lines.append(f"pod {one.pod}, container {one.container}: {one.says}")
        if one.restarts:
            lines[-1] += f", {one.restarts} restarts"
        if one.image != "-":
            lines.append(f"image {one.image}")
        known = one.says.rpartition(": ")[2]
        told = [text for text in _events(events, one.pod) if known not in text]
        lines += [f"event {text}" for text in told[:2]]
        if "not ready" in one.says:
            pod = next(pod for pod in pods if pod["metadata"]["name"] == one.pod)
            if said := answer(pod):
                lines.append(f"probe answers {said}")
        if one.container != "-" and one.says.partition(":")[0] not in NO_IMAGE:
            lines += [f"log {text}" for text in _last_lines(logs, one)]
    others = sorted({one.pod for one in found[1:]} - {one.pod for one in found[:1]})
    if others:
        lines.append(f"and {len(others)} more: {', '.join(others)}")
    if not lines:
        lines = [f"event {text}" for text in _events(events, "")[:3]] or [
            "the cluster shows nothing that failed"
        ]
    return tuple(_cut(line) for line in lines[:MOST])


def newer(events: Iterable[Object], before: Iterable[Object]) -> list[Object]:
    """Those that came since, and those that happened again."""
    known = {(one["metadata"]["uid"], one["metadata"]["resourceVersion"]) for one in before}
    return [
        one for one in events if (one["metadata"]["uid"], one["metadata"]["resourceVersion"]) not in known
    ]


def _cut(line: str) -> str:
    """Both ends of a long line: what it is about, and what was wrong in the end."""
    half = _LINE // 2
    return line if len(line) <= _LINE else f"{line[:half]} ... {line[-half:]}"


def _quota(events: Sequence[Object], quotas: Sequence[Object]) -> list[str]:
    refused = [_QUOTA.search(one.get("message") or "") for one in events]
    named = [one for one in refused if one]
    if not named:
        return []
    last = named[-1]
    lines = [f"quota {last[1]} is spent: {last[2]}"]
    for one in quotas:
        if one["metadata"]["name"] == last[1]:
            status = one.get("status", {})
            used = status.get("used", {})
            told = ", ".join(
                f"{key} {used.get(key)} of {most}" for key, most in status.get("hard", {}).items()
            )
            lines.append(f"quota now {told}")
    return lines


def _events(events: Sequence[Object], name: str) -> list[str]:
    """Warnings about an object, the newest first, each once."""
    found = [
        one
        for one in events
        if one.get("type") == "Warning" and name in str(one["involvedObject"].get("name"))
    ]
    found.sort(key=_when, reverse=True)
    texts = (f"{one.get('reason')}: {' '.join((one.get('message') or '').split())}" for one in found)
    return list(dict.fromkeys(texts))


def _when(event: Object) -> str:
    times = (event.get("lastTimestamp"), event.get("eventTime"), event.get("firstTimestamp"))
    return next((str(one) for one in times if one), "")


def _last_lines(logs: Logs, one: Trouble) -> list[str]:
    found = logs(one.pod, one.container, False) or (
        logs(one.pod, one.container, True) if one.restarts else []
    )
    texts = [_plain(line) for line in found if line.strip()]
    telling = last_words("\n".join(found)) if texts else ""
    last = texts[-3:]
    return last if not telling or any(telling in text for text in last) else [telling, *last[-2:]]


def _plain(line: str) -> str:
    """A line of a log without its JSON."""
    try:
        found = json.loads(line)
    except ValueError:
        return line.strip()
    if not isinstance(found, dict):
        return line.strip()
    words = [found.get("log.level"), found.get("message"), found.get("error.message")]
    words += [f"{key.removeprefix(_OURS)}={value}" for key, value in found.items() if key.startswith(_OURS)]
    return " ".join(str(word) for word in words if word) or line.strip()
