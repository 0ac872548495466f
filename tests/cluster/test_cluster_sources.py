"""Where a cluster comes from; the script for kind is called on programs that write down their words alone."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cluster.sources import KIND, Given, NoClusterError, choose, open_cluster

ALLOWED = {
    "KUBECONFIG": "/somewhere",
    "STOCK_TEST_CONTEXT": "mine",
    "STOCK_TEST_LOAD": "load --to 'all nodes'",
}


def test_a_cluster_that_is_allowed_goes_before_a_command_and_that_before_kind() -> None:
    command = {"STOCK_TEST_CLUSTER": "/bin/cluster"}
    given = Given(Path("/somewhere"), "mine", ("load", "--to", "all nodes"), ())
    assert choose(ALLOWED | command, has_kind=True) == given
    assert choose(command, has_kind=True) == "/bin/cluster"
    assert choose({}, has_kind=True) == str(KIND)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "NOT RUN: no cluster"),
        ({"KUBECONFIG": "/somewhere"}, "NOT RUN: no cluster"),
        ({"STOCK_TEST_CONTEXT": "mine"}, "in KUBECONFIG"),
        ({"STOCK_TEST_CONTEXT": "mine", "KUBECONFIG": "/somewhere"}, "in STOCK_TEST_LOAD"),
    ],
)
def test_a_kubeconfig_without_a_permission_is_nobody_s_to_use(environ: dict[str, str], said: str) -> None:
    with pytest.raises(NoClusterError, match=said):
        choose(environ, has_kind=False)


def test_the_script_for_kind_makes_nodes_loads_images_and_loses_a_node(tmp_path: Path) -> None:
    programs, state, words = tmp_path / "bin", tmp_path / "state", tmp_path / "words"
    programs.mkdir()
    for name in ("kind", "docker", "kubectl", "helm"):
        program = programs / name
        program.write_text(
            f'#!/bin/sh\necho "{name} $*" >> {words}\n'
            '[ "$1 $2" = "get nodes" ] && printf "t-worker2\\nt-control-plane\\nt-worker\\n"\nexit 0\n'
        )
        program.chmod(0o755)

    def call(*arguments: str) -> str:
        environ = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
        done = subprocess.run([KIND, *arguments], capture_output=True, text=True, env=environ, check=True)
        return done.stdout

    where = ("--state", f"{state}")
    call("up", "--nodes", "2", "--with", "everything", *where)
    roles = [node["role"] for node in yaml.safe_load((state / "kind.yaml").read_text())["nodes"]]
    assert roles == ["control-plane", "worker", "worker"]
    assert call("kubeconfig", *where).strip() == f"{state}/kubeconfig"
    call("load", *where, "/a b.tar")
    call("node", "kill", "2")
    call("down", *where)
    said = words.read_text()
    assert f"--kubeconfig {state}/kubeconfig --wait" in said
    assert "kind load image-archive /a b.tar --name stock-test\n" in said
    assert "docker kill t-worker2\n" in said
    assert said.endswith("kind delete cluster --name stock-test\n")
    assert not state.exists()


@pytest.mark.parametrize("failures", [1, 2])
def test_a_start_that_fails_is_tried_once_more_and_always_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    command, words = tmp_path / "cluster", tmp_path / "words"
    command.write_text(
        f'#!/bin/sh\n[ "$1" = kubectl ] && echo \'{{"items": []}}\' && exit\necho "$1" >> {words}\n'
        f'[ "$1" != up ] || [ $(grep -c up {words}) -gt {failures} ]\n'
    )
    command.chmod(0o755)
    for name in ("KUBECONFIG", "STOCK_TEST_CONTEXT", "STOCK_TEST_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STOCK_TEST_CLUSTER", str(command))
    if failures > 1:
        with pytest.raises(AssertionError, match="up --nodes 2"), open_cluster(tmp_path):
            pass
    else:
        with open_cluster(tmp_path) as cluster:
            assert cluster.kubectl == (str(command), "kubectl")
    assert [word for word in words.read_text().split() if word != "kubeconfig"] == ["up", "down"] * 2
