"""The programs that run containers here: docker compose, podman compose or podman-compose."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from stock_ops.kit.errors import MissingProgramError

VARIABLE = "STOCKOPS_COMPOSE"
"""Names one of them, where another one is found first."""
_KNOWN = {
    "docker compose": ("docker", ("docker", "compose")),
    "podman compose": ("podman", ("podman", "compose")),
    "podman-compose": ("podman", ("podman-compose",)),
}
_ANSWER_S = 60.0
TODO = "Install Docker with its compose plug-in, or podman with podman-compose."


@dataclass(frozen=True, slots=True)
class Engine:
    """A compose program, and the program behind it that has the containers."""

    name: str
    version: str
    program: str
    """docker or podman."""
    compose: tuple[str, ...]

    @property
    def is_podman(self) -> bool:
        """It runs health checks only when it is asked to, and knows no order of starts."""
        return self.program == "podman"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended, and what it printed."""

    code: int
    text: str
    errors: str = ""


def ask(*command: str, limit_s: float = _ANSWER_S) -> Answer:
    """Run a command that changes nothing."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return Answer(124, "", f"no answer within {limit_s:g} s")
    except OSError as error:
        return Answer(127, "", error.strerror or str(error))
    return Answer(done.returncode, done.stdout, done.stderr)


def find_engine(environ: Mapping[str, str] = os.environ) -> Engine:
    """The first one that works. Raises MissingProgramError naming what was tried."""
    named = environ.get(VARIABLE)
    if named and named not in _KNOWN:
        raise MissingProgramError(
            f"{VARIABLE}={named} names no compose program.", f"Choose one of: {', '.join(_KNOWN)}."
        )
    tried = []
    for name in [named] if named else _KNOWN:
        found = _look(name)
        if isinstance(found, Engine):
            return found
        tried.append(f"{name}: {found}")
    raise MissingProgramError(f"Nothing here runs containers ({'; '.join(tried)}).", TODO)


def _look(name: str) -> Engine | str:
    program, compose = _KNOWN[name]
    if shutil.which(program) is None or shutil.which(compose[0]) is None:
        return "not installed"
    version = ask(*compose, "version")
    if version.code != 0:
        return f"it does not answer ({_last(version.errors or version.text)})"
    server = ask(program, "info")
    if server.code != 0:
        return f"{program} cannot be used ({_last(server.errors or server.text)})"
    return Engine(name, _last(version.text), program, compose)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:200] if lines else "it said nothing"
