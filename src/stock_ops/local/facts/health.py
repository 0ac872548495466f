"""Whether the parts do their work: asked over their own protocols."""

import contextlib
import http.client
import json
import socket
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stock_ops.kit.patience import patient

_TIMEOUT_S = 5.0
_EVENTS = ("events", "delivery")
_LIVE = ("live", "sources")
_POSTS = ("posts", "model")


@dataclass(frozen=True, slots=True)
class PartsHealth:
    """How some parts of the platform stand, in their own words: events, live prices, or posts."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a part does its work; the reason when not."""

    ok: bool
    reason: str | None = None
    answers: bool = True
    """False when there was no answer at all."""
    events: PartsHealth | None = None
    live: PartsHealth | None = None
    posts: PartsHealth | None = None
    """Of the platform, which does without them for a while."""


@dataclass(frozen=True, slots=True)
class Door:
    """The address of a part, and the means to ask it."""

    name: str
    host: str
    port: int
    isready: Path
    password: str = field(default="", repr=False)


def ask(door: Door) -> Health:
    """Ask the part whether it does its work."""
    if door.name == "postgresql":
        return ask_postgresql(door.isready, door.host, door.port)
    if door.name == "valkey":
        return ask_valkey(door.host, door.port, door.password)
    if door.name == "backup":
        return ask_http(door.host, door.port, "/livez")
    return ask_platform(door.host, door.port)


def ask_postgresql(isready: Path, host: str, port: int) -> Health:
    """Ask with pg_isready, which needs no password."""
    try:
        done = subprocess.run(
            [isready, "-q", "-h", host, "-p", str(port), "-t", "3"],
            capture_output=True,
            check=False,
            timeout=patient(_TIMEOUT_S),
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Health(False, f"cannot be asked: {error}", answers=False)
    if done.returncode == 1:
        return Health(False, "starting up, or recovering after an unclean stop")
    reason = None if done.returncode == 0 else f"no answer on port {port}"
    return Health(reason is None, reason, answers=reason is None)


def ask_valkey(host: str, port: int, password: str) -> Health:
    """Authenticate and ping."""
    try:
        with socket.create_connection((host, port), patient(_TIMEOUT_S)) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
            answer = connection.makefile("rb").read(4096).decode("utf-8", "replace").splitlines()
    except OSError as error:
        return Health(False, f"no answer on port {port}: {_words(error)}", answers=False)
    if "+PONG" in answer:
        return Health(True)
    return Health(False, next((line[1:] for line in answer if line.startswith("-")), "no answer to PING"))


def ask_platform(host: str, port: int) -> Health:
    """Ask /readyz; the reason names the parts that are not healthy."""
    health, body = _ask(host, port, "/readyz")
    if not health.ok:
        return health
    return replace(health, events=read_events(body), live=read_live(body), posts=read_posts(body))


def ask_http(host: str, port: int, path: str) -> Health:
    """Ask over HTTP; 200 is healthy."""
    return _ask(host, port, path)[0]


def _ask(host: str, port: int, path: str) -> tuple[Health, bytes]:
    try:
        with contextlib.closing(
            http.client.HTTPConnection(host, port, timeout=patient(_TIMEOUT_S))
        ) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: no name of a host
        return Health(False, f"no answer on port {port}: {_words(error)}", answers=False), b""
    ok = answer.status == 200
    return (Health(True) if ok else Health(False, explain(answer.status, body, path))), body


def read_events(body: bytes) -> PartsHealth | None:
    """How the events stand, from the answer of /readyz; None where it does not say."""
    return _read_parts(body, _EVENTS)


def read_live(body: bytes) -> PartsHealth | None:
    """How live prices stand: clients and sources."""
    return _read_parts(body, _LIVE)


def read_posts(body: bytes) -> PartsHealth | None:
    """How posts stand: their sources, and the model that reads them."""
    return _read_parts(body, _POSTS)


def _read_parts(body: bytes, names: tuple[str, ...]) -> PartsHealth | None:
    try:
        parts = [part for part in json.loads(body)["parts"] if part["name"] in names]
        told = "; ".join(f"{part['name']}: {part['version'] or part['reason']}" for part in parts)
        return PartsHealth(all(part["healthy"] for part in parts), told) if parts else None
    except (ValueError, KeyError, TypeError):
        return None


def explain(status: int, body: bytes, path: str = "/readyz") -> str:
    """The reason in an answer that is not 200; /readyz names the parts."""
    try:
        report: Any = json.loads(body)
        broken = [part for part in report["parts"] if not part["healthy"]]
        reasons = [f"{part['name']}: {part['reason']}" for part in broken]
        if report.get("stopping"):
            reasons.insert(0, "it is stopping")
    except (ValueError, KeyError, TypeError, AttributeError):
        reasons = []
    return "; ".join(reasons) or f"{path} answers {status}"


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {patient(_TIMEOUT_S):.0f} s"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
