"""The containers of a project as their engine tells them, and whether each does its work."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stock_ops.compose.facts.engine import ask
from stock_ops.compose.facts.stack import Stack
from stock_ops.local.facts.health import Health
from stock_ops.local.facts.processes import Usage, usage

_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"
_ONE_OFF = "com.docker.compose.oneoff"
_PASSING = re.compile(r"_tmp\d+$")
"""Ends the name of a container that podman-compose runs for one command."""
_NO_CHECK = ("", "none")
_NOT_ASKED = Health(False, "its health check was not asked")
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Container:
    """The container of one service, at one moment."""

    service: str
    id: str
    name: str
    status: str
    """created, running, restarting, exited, ..."""
    pid: int | None
    started: float | None
    finished: float | None
    """Epoch seconds."""
    exit_code: int
    restarts: int
    host: str | None
    port: int | None
    """Where it is published on this machine."""
    health: Health
    usage: Usage | None

    @property
    def runs(self) -> bool:
        """Whether it has a process."""
        return self.status == "running"

    @property
    def is_well(self) -> bool:
        """It runs, and its health check says yes."""
        return self.runs and self.health.ok


def observe_containers(stack: Stack, *services: str, checked: bool = False) -> dict[str, Container]:
    """The container of each service that has one; services: of these alone.

    checked: their health checks are asked, which takes a process in each container.
    """
    program, label = stack.engine.program, f"label={_PROJECT}={stack.project}"
    listed = ask(program, "ps", "-aq", "--no-trunc", "--filter", label)
    names = listed.text.split()
    if listed.code != 0 or not names:
        return {}
    told = ask(program, "inspect", *names)
    found = json.loads(told.text) if told.code == 0 else []
    wanted = [one for one in found if _is_wanted(one, services)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        containers = pool.map(lambda one: _container(stack, one, checked=checked), wanted)
        return {one.service: one for one in containers}


def _is_wanted(found: dict[str, Any], services: tuple[str, ...]) -> bool:
    labels = found["Config"].get("Labels") or {}
    passes = labels.get(_ONE_OFF) == "True" or bool(_PASSING.search(found["Name"]))
    return not passes and (not services or labels[_SERVICE] in services)


def _container(stack: Stack, found: dict[str, Any], *, checked: bool) -> Container:
    state, status = found["State"], str(found["State"]["Status"])
    pid = int(state.get("Pid") or 0) or None
    host, port = _published(found)
    return Container(
        service=found["Config"]["Labels"][_SERVICE],
        id=found["Id"],
        name=found["Name"].lstrip("/"),
        status=status,
        pid=pid,
        started=_epoch(state.get("StartedAt")),
        finished=_epoch(state.get("FinishedAt")),
        exit_code=int(state.get("ExitCode") or 0),
        restarts=int(found.get("RestartCount") or 0),
        host=host,
        port=port,
        health=_health(stack, found, checked=checked),
        usage=usage(pid) if pid and status == "running" else None,
    )


def _health(stack: Stack, found: dict[str, Any], *, checked: bool) -> Health:
    """Podman without systemd runs no check by itself, so it is asked to; Docker has run it."""
    if found["State"]["Status"] != "running":
        return Health(False, "not running", answers=False)
    if not checked:
        return _NOT_ASKED
    check = found["Config"].get("Healthcheck") or found.get("HealthCheck") or {}
    if not check.get("Test") or check["Test"] == ["NONE"]:
        return Health(True)
    if stack.engine.is_podman:
        answer = ask("podman", "healthcheck", "run", found["Id"])
        return Health(True) if answer.code == 0 else Health(False, "its health check fails")
    told = (found["State"].get("Health") or {}).get("Status", "")
    if told in _NO_CHECK:
        return Health(True)
    return Health(told == "healthy", None if told == "healthy" else f"its health check says {told}")


def _published(found: dict[str, Any]) -> tuple[str | None, int | None]:
    for bound in (found["HostConfig"].get("PortBindings") or {}).values():
        for one in bound or ():
            return one.get("HostIp") or "0.0.0.0", int(one["HostPort"])  # noqa: S104 - what is told, not opened
    return None, None


def _epoch(text: str | None) -> float | None:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at.timestamp() if at.year > 1 else None


def is_image_here(stack: Stack, name: str) -> bool:
    """Whether the image need not be fetched."""
    return ask(stack.engine.program, "image", "inspect", name).code == 0
