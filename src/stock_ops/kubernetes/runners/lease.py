"""One deploy of a release at a time: a Lease in its namespace, renewed while it runs.

Whoever finds it held by another that was seen within a minute is refused. One that died lets go by itself.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.errors import ClusterError, DeployRunsError
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.objects import Object

LASTS_S = 60
_RENEW_S = 15.0
_CONFLICT = 409


@contextmanager
def alone(connection: Connection, environment: Environment, holder: str) -> Iterator[None]:
    """Hold the lease of the release. Raises DeployRunsError where another does, ClusterError."""
    lease = _Lease(connection, environment, holder)
    lease.take()
    stop = threading.Event()
    renewing = threading.Thread(target=lease.keep, args=(stop,), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        stop.set()
        renewing.join()
        lease.release()


class _Lease:
    def __init__(self, connection: Connection, environment: Environment, holder: str) -> None:
        self._connection, self._holder = connection, holder
        self._all = f"/apis/coordination.k8s.io/v1/namespaces/{environment.namespace}/leases"
        self._name = f"{environment.release}-deploy"
        self._version = ""

    @property
    def _path(self) -> str:
        return f"{self._all}/{self._name}"

    def take(self) -> None:
        answer = self._connection.ask("POST", self._all, body=self._document())
        if answer.status == _CONFLICT:
            found = self._connection.get(self._path)
            if found is not None:
                self._refuse_held(found)
            answer = self._connection.ask("PUT", self._path, body=self._document(found))
            if answer.status == _CONFLICT:
                raise DeployRunsError("it began at this moment", 0)
        self._version = self._connection.well(answer, f"the lease {self._name}")["metadata"][
            "resourceVersion"
        ]

    def keep(self, stop: threading.Event) -> None:
        """Renew until told to stop. A cluster that is away for a moment is asked again."""
        while not stop.wait(_RENEW_S):
            try:
                found = self._connection.get(self._path)
                if found and found["spec"]["holderIdentity"] == self._holder:
                    self._connection.ask("PUT", self._path, body=self._document(found))
            except ClusterError:
                continue

    def release(self) -> None:
        found = self._connection.get(self._path)
        if found and found["spec"]["holderIdentity"] == self._holder:
            self._connection.ask("DELETE", self._path)

    def _refuse_held(self, found: Object) -> None:
        spec = found["spec"]
        seen = datetime.fromisoformat(spec["renewTime"])
        age = (datetime.now(UTC) - seen).total_seconds()
        if age < spec.get("leaseDurationSeconds", LASTS_S):
            raise DeployRunsError(spec["holderIdentity"], max(age, 0))

    def _document(self, found: Object | None = None) -> Object:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = found["metadata"]["resourceVersion"] if found else None
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, **({"resourceVersion": before} if before else {})},
            "spec": {
                "holderIdentity": self._holder,
                "leaseDurationSeconds": LASTS_S,
                "acquireTime": now,
                "renewTime": now,
            },
        }
