"""Where the tests get a cluster from: one that is allowed, a command that starts one, or kind.

On each of them a Gateway's controller answers HTTP at port 30080 of every node, and HTTPS at 30443.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.cluster import LONGEST_S, Cluster, do
from tools.container_parts import ROOT

COMMAND = "STOCK_TEST_CLUSTER"
"""A command that starts and ends a cluster: up, down, kubeconfig, kubectl, load, node."""
ALLOWED = "STOCK_TEST_CONTEXT"
"""The context of KUBECONFIG that the tests may use: they make and remove namespaces there."""
LOADER = "STOCK_TEST_LOAD"
"""With ALLOWED: the command that brings image archives to all nodes."""
NODES = "STOCK_TEST_NODE"
"""With ALLOWED: the command that does `stop N`, `kill N` and `start N` to the Nth node by name."""
STATE = "STOCK_TEST_STATE"
"""With COMMAND: the folder of its files, by which whoever started a run can end a cluster that it left."""
KIND = ROOT / "tools" / "kind-cluster.sh"

ADD_ONS = "coredns,local-path,netpol,metrics-server,gateway"
WAY_IN_PORT, WAY_IN_SECURE_PORT = 30080, 30443
GATEWAY_CLASS, GATEWAY_PORT, GATEWAY_SECURE_PORT = "traefik", 8000, 8443
MISSING = (
    f"NOT RUN: no cluster. Allow one by KUBECONFIG with {ALLOWED} (the name of its context) and {LOADER}; "
    f"or name a command that starts one in {COMMAND}; or install Docker, kind, kubectl and helm."
)


class NoClusterError(Exception):
    """Nothing was given that is one, or starts one."""


@dataclass(frozen=True, slots=True)
class Given:
    """A cluster that somebody allowed."""

    kubeconfig: Path
    context: str
    loader: tuple[str, ...]
    nodes: tuple[str, ...]


def choose(environ: Mapping[str, str], *, has_kind: bool) -> Given | str:
    """The cluster that is allowed, or the command that starts one. Raises NoClusterError.

    A KUBECONFIG alone is no permission: it may be anybody's.
    """
    if context := environ.get(ALLOWED):
        if not (kubeconfig := environ.get("KUBECONFIG")):
            raise NoClusterError(f"{ALLOWED} allows the context {context}; name its file in KUBECONFIG.")
        if not (loader := environ.get(LOADER)):
            raise NoClusterError(f"Name the command that brings image archives to the nodes in {LOADER}.")
        return Given(
            Path(kubeconfig), context, tuple(shlex.split(loader)), tuple(shlex.split(environ.get(NODES, "")))
        )
    if command := environ.get(COMMAND):
        return command
    if has_kind:
        return str(KIND)
    raise NoClusterError(MISSING)


@contextmanager
def open_cluster(folder: Path) -> Iterator[Cluster]:
    """The cluster that was chosen: started and ended where a command does that, else left as it is."""
    has_kind = all(shutil.which(name) for name in ("docker", "kind", "kubectl", "helm"))
    try:
        chosen = choose(os.environ, has_kind=has_kind)
    except NoClusterError as error:
        if "CI" in os.environ or ALLOWED in os.environ:
            pytest.fail(str(error))
        pytest.skip(str(error))
    if isinstance(chosen, Given):
        yield _reached(_copy_with(chosen, folder), ("kubectl",), chosen.loader, chosen.nodes)
        return
    state = ("--state", os.environ.get(STATE, str(folder / "cluster")))
    try:
        _start(chosen, state)
        kubeconfig = Path(do([chosen, "kubeconfig", *state]).strip())
        yield _reached(kubeconfig, (chosen, "kubectl"), (chosen, "load", *state), (chosen, "node"))
    finally:
        _end(chosen, state)


def _start(command: str, state: tuple[str, str]) -> None:
    """Once more where it fails: that is not what is tested here. Then it says why."""
    up = [command, "up", "--nodes", "2", "--with", ADD_ONS, *state]
    try:
        do(up)
    except AssertionError as error:
        print(f"\nThe cluster is started once more: {error}", file=sys.__stderr__)
        _end(command, state)
        do(up)


def _end(command: str, state: tuple[str, str]) -> None:
    subprocess.run([command, "down", *state], capture_output=True, timeout=LONGEST_S, check=False)


def _copy_with(given: Given, folder: Path) -> Path:
    """A kubeconfig of the allowed context alone, whatever the current one of the other file is."""
    path = folder / "allowed.kubeconfig"
    words = ["config", "view", "--minify", "--flatten", "--context", given.context]
    text = do(["kubectl", "--kubeconfig", str(given.kubeconfig), *words])
    path.touch(0o600)
    path.write_text(text)
    return path


def _reached(
    kubeconfig: Path, kubectl: tuple[str, ...], loader: tuple[str, ...], nodes: tuple[str, ...]
) -> Cluster:
    found = json.loads(do([*kubectl, "get", "nodes", "-o", "json"], kubeconfig))
    return Cluster(
        kubeconfig=kubeconfig,
        kubectl=kubectl,
        ways_in=_ways_in(found["items"]),
        gateway_class=GATEWAY_CLASS,
        gateway_port=GATEWAY_PORT,
        way_in_secure_port=WAY_IN_SECURE_PORT,
        gateway_secure_port=GATEWAY_SECURE_PORT,
        loader=loader,
        nodes=nodes,
    )


def _ways_in(nodes: list[dict[str, Any]]) -> dict[str, str]:
    """Of each node that takes pods, by name."""
    taking = [node for node in nodes if not node["spec"].get("taints")]
    return {
        node["metadata"]["name"]: f"http://{address['address']}:{WAY_IN_PORT}"
        for node in sorted(taking, key=lambda node: str(node["metadata"]["name"]))
        for address in node["status"]["addresses"]
        if address["type"] == "InternalIP" and re.fullmatch(r"[\d.]+", address["address"])
    }
