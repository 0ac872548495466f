"""Who may talk to whom: each cell of the table tried from a pod on the real cluster."""

import pytest

from tests.cluster.cluster import until
from tests.cluster.release import NAME, Release

PORTS = {
    "stock": 8001,
    "sentiment": 8002,
    "gateway": 8080,
    "relay": 8003,
    "live": 8004,
    "backup": 8003,
    "postgresql": 5432,
    "valkey": 6379,
    "kafka": 9092,
}
ALLOWED = {
    "gateway": {"stock", "sentiment", "backup", "postgresql", "valkey", "kafka"},
    "stock": {"postgresql", "valkey"},
    "relay": {"postgresql", "valkey", "kafka"},
    "live": {"postgresql", "valkey", "kafka"},
    "sentiment": {"postgresql"},
    # Itself by its own loopback; the gateway for a drill, which looks whether the platform goes on.
    "backup": {"backup", "gateway", "postgresql", "valkey"},
}
"""From each part to those it needs. The gateway takes requests from outside; of the parts, `backup` asks."""
TRY = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def state(word):
    host, port = word.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        return "open"
    except OSError:
        return "closed"
words = sys.argv[1:]
with ThreadPoolExecutor(len(words)) as pool:
    for word, found in zip(words, pool.map(state, words)):
        print(word, found)
"""


def reached(release: Release, part: str, words: list[str]) -> dict[str, bool]:
    (pod, *_) = release.ready(part)
    said = release.k("exec", pod, "--", "python3", "-c", TRY, *words)
    return {word: state == "open" for word, state in (line.split() for line in said.splitlines())}


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_reaches_what_it_needs_and_nothing_else(installed: Release, part: str) -> None:
    until(lambda: installed.ready(part), telling=installed.told)
    words = {f"{NAME}-{name}:{port}": name for name, port in PORTS.items()}
    found = reached(installed, part, list(words))
    assert {words[word] for word, is_open in found.items() if is_open} == ALLOWED[part]


def test_no_part_reaches_the_api_server_or_the_nodes(installed: Release) -> None:
    server = installed.k("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}").split("//")[1]
    for part in ALLOWED:
        found = reached(installed, part, [server, "kubernetes.default.svc.cluster.local:443"])
        assert not any(found.values()), found


def test_a_stranger_in_the_namespace_reaches_nothing(installed: Release) -> None:
    """The same pod as the gateway's, but with labels of its own."""
    (gateway, *_) = installed.pods("gateway")
    spec = gateway["spec"]
    container = spec["containers"][0]
    # By address: it has no name service, either.
    words = [f"{installed.pods(name)[0]['status']['podIP']}:{port}" for name, port in PORTS.items()]
    stranger = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stranger", "labels": {"who": "stranger"}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": spec["securityContext"],
            "containers": [
                {
                    "name": "stranger",
                    "image": container["image"],
                    "command": ["python", "-c", TRY, *words],
                    "securityContext": container["securityContext"],
                    "resources": container["resources"],
                }
            ],
        },
    }
    said = installed.run_pod(stranger)
    assert [line.split()[1] for line in said.splitlines()] == ["closed"] * len(words)


def test_pod_security_refuses_what_may_be_root(installed: Release) -> None:
    image = installed.pods("gateway")[0]["spec"]["containers"][0]["image"]
    said = installed.k("run", "root", f"--image={image}", "--restart=Never", check=False)
    assert "violates PodSecurity" in said


def allow_pods(release: Release, most: int) -> None:
    spent = f'{{"spec":{{"hard":{{"pods":"{most}"}}}}}}'
    release.k("patch", "resourcequota", f"{NAME}-quota", "--type=merge", "-p", spent)


def test_a_quota_that_is_spent_is_explained_by_an_event(installed: Release) -> None:
    allow_pods(installed, 1)
    try:
        for pod in installed.pods("stock")[:1]:
            installed.k("delete", "pod", pod["metadata"]["name"], "--wait=false")
        until(lambda: "exceeded quota" in installed.told(), telling=installed.told)
    finally:
        allow_pods(installed, 60)
    until(lambda: len(installed.ready("stock")) >= 2, seconds=180, telling=installed.told)
