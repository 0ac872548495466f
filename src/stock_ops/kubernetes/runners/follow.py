"""The logs of several pods as they come."""

import queue
import threading
from collections.abc import Iterator, Sequence

from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.facts.cluster import CORE
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.objects import Object

_END = None


def log_lines(
    connection: Connection, environment: Environment, pods: Sequence[Object], count: int, *, follow: bool
) -> Iterator[tuple[str, str]]:
    """Pod and line. follow: go on until all pods have ended."""
    if not follow:
        for pod in pods:
            for container, path in _logs_of(environment, pod):
                text = connection.text(path, container=container, tailLines=str(count))
                yield from ((pod["metadata"]["name"], line) for line in text.splitlines())
        return
    lines: queue.Queue[tuple[str, str] | None] = queue.Queue(maxsize=1000)
    running = [(pod, container, path) for pod in pods for container, path in _logs_of(environment, pod)]

    def read(pod: Object, container: str, path: str) -> None:
        try:
            for line in connection.lines(path, container=container, tailLines=str(count), follow="true"):
                lines.put((pod["metadata"]["name"], line))
        finally:
            lines.put(_END)

    for one in running:
        threading.Thread(target=read, args=one, daemon=True).start()
    left = len(running)
    while left:
        found = lines.get()
        if found is _END:
            left -= 1
        else:
            yield found


def _logs_of(environment: Environment, pod: Object) -> Iterator[tuple[str, str]]:
    path = f"{CORE}/{environment.namespace}/pods/{pod['metadata']['name']}/log"
    for container in pod["spec"]["containers"]:
        yield container["name"], path
