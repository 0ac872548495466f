"""The containers of a compose project, and the program that has them."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from stock_ops.kit.errors import MissingProgramError, PartError

ENGINES = ("docker", "podman")
_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"
_ANSWER_S = 120.0


@dataclass(frozen=True, slots=True)
class Project:
    """A compose project that runs here. program: docker or podman."""

    program: str
    name: str

    def containers(self, service: str | None = None) -> list[dict[str, Any]]:
        """What the program knows of its containers, or of those of one service."""
        labels = [f"label={_PROJECT}={self.name}", *([f"label={_SERVICE}={service}"] if service else [])]
        filters = [word for label in labels for word in ("--filter", label)]
        found = self.ask("ps", "-aq", *filters).split()
        told: list[dict[str, Any]] = json.loads(self.ask("inspect", *found)) if found else []
        return told

    def running(self, service: str) -> dict[str, Any]:
        """The container of a service. Raises PartError when it does not run."""
        for one in self.containers(service):
            if one["State"]["Status"] == "running":
                return one
        raise PartError(
            f"The service {service} of the project {self.name} does not run.",
            "Start the stack; `docker compose ls` shows the names of projects (--project).",
        )

    def ask(self, *words: str) -> str:
        """What a command prints. Raises PartError; its words are not shown where they could hold a secret."""
        try:
            done = subprocess.run(
                [self.program, *words], capture_output=True, text=True, timeout=_ANSWER_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PartError(f"{self.program} {words[0]} does not answer: {error}.", _TODO) from error
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise PartError(f"{self.program} {words[0]} failed: {last[0][:300]}", _TODO)
        return done.stdout


def find_project(name: str, engine: str | None) -> Project:
    """The project by the named program, else by the first that is installed. Raises MissingProgramError."""
    for program in (engine,) if engine else ENGINES:
        if shutil.which(program):
            return Project(program, name)
    raise MissingProgramError(
        f"Not installed: {engine or ' or '.join(ENGINES)}.", "Install it, or name the other one: --engine"
    )


_TODO = "See to the containers, then run the same command again: it goes on from there."
