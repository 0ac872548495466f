"""A real Kubernetes cluster, and what the tests ask of it by kubectl."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

LONGEST_S = 300


@dataclass(frozen=True, slots=True)
class Cluster:
    """How to reach it."""

    kubeconfig: Path
    kubectl: tuple[str, ...]
    """The command, with its first words."""
    ways_in: dict[str, str]
    """Address of the Gateway controller's HTTP port on each node."""
    way_in_secure_port: int
    """Its HTTPS port on each node."""
    gateway_class: str
    gateway_port: int
    gateway_secure_port: int
    loader: tuple[str, ...]
    """The command that takes image archives, with its first words."""
    nodes: tuple[str, ...]
    """The command that stops and starts nodes, with its first words; none: it cannot be done."""

    @property
    def way_in(self) -> str:
        """The first of them."""
        return next(iter(self.ways_in.values()))

    def k(self, *arguments: str | Path, stdin: str | None = None, check: bool = True) -> str:
        """What kubectl prints. A failure tells what it said."""
        done = subprocess.run(
            [*self.kubectl, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            env=os.environ | {"KUBECONFIG": str(self.kubeconfig)},
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()[-2000:]}")
        return done.stdout if done.returncode == 0 else done.stdout + done.stderr

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object or a list of them."""
        found: dict[str, Any] = json.loads(self.k("get", *arguments, "-o", "json"))
        return found

    def apply(self, manifest: str, namespace: str) -> None:
        """Make or change objects."""
        self.k("apply", "-n", namespace, "-f", "-", stdin=manifest)

    def node(self, verb: str, name: str) -> None:
        """stop, kill or start a node."""
        if not self.nodes:
            pytest.skip(f"NOT RUN: nothing here can {verb} a node")
        number = list(self.ways_in).index(name) + 1
        do([*self.nodes, verb, f"{number}"])

    def load(self, *archives: Path) -> None:
        """Bring images to all nodes."""
        do([*self.loader, *map(str, archives)])


def do(command: list[str], kubeconfig: Path | None = None) -> str:
    """What a command prints. A failure tells what it said."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        env=os.environ | ({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {}),
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


T = TypeVar("T")


def until(ask: Callable[[], T], *, seconds: float = 120, telling: Callable[[], str] = str) -> T:
    """The first answer that is true. Fails with what `telling` says."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"still {answer!r} after {seconds:.0f} s\n{telling()}")
        time.sleep(0.5)
