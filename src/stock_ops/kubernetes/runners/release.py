"""Change a release by Helm, and see early that a new version never comes up."""

import threading
import time
from collections.abc import Callable
from typing import Any

from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.errors import ClusterError
from stock_ops.kubernetes.facts.cluster import log_of, pods_of
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.facts.release import Release, read_release
from stock_ops.kubernetes.objects import Object
from stock_ops.kubernetes.plans.why import is_hopeless

_LOOK_S = 2.0
_HOPELESS_S = 10.0
"""So long a state must last in which no waiting helps."""


class BroughtUpError(Exception):
    """Helm's word that a version did not come up."""


def bring_up(helm: Any, connection: Connection, environment: Environment, *, upgrade: bool) -> None:
    """Install or upgrade, and wait until everything is ready. Raises BroughtUpError."""
    import helm_python

    known = {pod["metadata"]["uid"] for pod in pods_of(connection, environment)}
    change = helm.upgrade if upgrade else helm.install
    with helm_python.HelmContext() as context, _Watch(connection, environment, known, context.cancel):
        try:
            change(
                environment.chart,
                environment.release,
                environment.values,
                context=context,
                wait="watcher",
                timeout=environment.timeout_s,
            )
        except helm_python.HelmError as error:
            raise BroughtUpError(" ".join(f"{error}".split())[:500]) from error


class _Watch:
    """Looks at the new pods while Helm waits for them, and ends the waiting where it makes no sense."""

    def __init__(
        self, connection: Connection, environment: Environment, known: set[str], end: Callable[[], None]
    ) -> None:
        self._connection, self._environment = connection, environment
        self._known, self._end = known, end
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        since: float | None = None
        while not self._stop.wait(_LOOK_S):
            try:
                pods = pods_of(self._connection, self._environment)
            except ClusterError:
                continue
            if not is_hopeless(pods, self._is_new):
                since = None
            elif since is None:
                since = time.monotonic()
            elif time.monotonic() - since > _HOPELESS_S:
                self._end()
                return

    def _is_new(self, pod: Object) -> bool:
        return pod["metadata"]["uid"] not in self._known


def go_back(helm: Any, environment: Environment, revision: int) -> Release:
    """To a revision, and wait until it serves; the release afterwards. Raises BroughtUpError."""
    import helm_python

    try:
        helm.rollback(environment.release, version=revision, wait="watcher", timeout=environment.timeout_s)
    except helm_python.HelmError as error:
        raise BroughtUpError(" ".join(f"{error}".split())[:500]) from error
    return read_release(helm, environment)


def take_away(helm: Any, environment: Environment) -> None:
    """Uninstall; volumes stay. Raises BroughtUpError."""
    import helm_python

    try:
        helm.uninstall(environment.release, wait="watcher", timeout=environment.timeout_s)
    except helm_python.HelmError as error:
        raise BroughtUpError(" ".join(f"{error}".split())[:500]) from error


def smoke(helm: Any, connection: Connection, environment: Environment) -> tuple[bool, list[str]]:
    """Run the smoke test of the chart in the cluster; whether it passed, and what it said."""
    import helm_python

    try:
        helm.test(environment.release, timeout=min(environment.timeout_s, 180))
        passed, trouble = True, ""
    except helm_python.HelmError as error:
        passed, trouble = False, " ".join(f"{error}".split())[:300]
    pod = f"{environment.release}-smoke"
    said = log_of(connection, environment, pod, "smoke")
    if not passed and not said:
        said = [trouble, *log_of(connection, environment, pod, "key")[-3:]]
    return passed, said
