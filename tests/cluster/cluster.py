"""A real Kubernetes cluster, and what the tests ask of it by kubectl."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

COMMAND = "STOCK_TEST_CLUSTER"
RUNNING = "STOCK_TEST_KUBECONFIG"
"""Allows the tests to work on the cluster that the command has started already; it is left as it is."""
ADD_ONS = "coredns,local-path,netpol,metrics-server,gateway"
MISSING = f"NOT RUN: no cluster. Name a command that starts one in {COMMAND} (verbs up, down, load, kubectl)."
LONGEST_S = 300


@dataclass(frozen=True, slots=True)
class Cluster:
    """How to reach it."""

    kubeconfig: Path
    kubectl: tuple[str, ...]
    """The command, with its first words."""
    ways_in: dict[str, str]
    """Address of the Gateway controller's HTTP port on each node."""
    gateway_class: str
    gateway_port: int
    loader: tuple[str, ...]
    """The command that takes image archives, with its first words."""
    nodes: tuple[str, ...]
    """The command that stops and starts nodes, with its first words."""

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
        _do([*self.nodes, verb, name.removeprefix("n")])

    def load(self, *archives: Path) -> None:
        """Bring images to all nodes."""
        _do([*self.loader, *map(str, archives)])


def _do(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"


@contextmanager
def open_cluster(folder: Path) -> Iterator[Cluster]:
    """The cluster that the environment names, started and ended where a command starts it."""
    command = os.environ.get(COMMAND)
    if command:
        yield from _started(command, folder)
    elif "CI" in os.environ:
        pytest.fail(MISSING)
    else:
        pytest.skip(MISSING)


def _started(command: str, folder: Path) -> Iterator[Cluster]:
    if running := os.environ.get(RUNNING):
        yield _reached(command, Path(running), ("--state", str(Path(running).parent)))
        return
    state = ("--state", str(folder / "cluster"))
    try:
        up = [command, "up", "--nodes", "2", "--with", ADD_ONS, *state]
        done = subprocess.run(up, capture_output=True, text=True, timeout=LONGEST_S, check=False)
        assert done.returncode == 0, f"{command} up ended with {done.returncode}: {done.stdout}{done.stderr}"
        shown = subprocess.run([command, "kubeconfig", *state], capture_output=True, text=True, check=True)
        yield _reached(command, Path(shown.stdout.strip()), state)
    finally:
        subprocess.run([command, "down", *state], capture_output=True, timeout=LONGEST_S, check=False)


def _reached(command: str, kubeconfig: Path, state: tuple[str, ...]) -> Cluster:
    return Cluster(
        kubeconfig=kubeconfig,
        kubectl=(command, "kubectl"),
        ways_in={"n1": "http://10.99.0.11:30080", "n2": "http://10.99.0.12:30080"},
        gateway_class="traefik",
        gateway_port=8000,
        loader=(command, "load", *state),
        nodes=(command, "node"),
    )


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
