"""Change a secret under the running pods of a release, in the steps of kit/rotation.py. No pod starts anew.

The folder outside the cluster remembers a change that was cut off: its file has two lines.
"""

import hashlib
import time
from pathlib import Path

from stock_ops.kit.errors import PartError, SlowPartError
from stock_ops.kit.folder_rotation import FolderHolder
from stock_ops.kit.secret_folder import values
from stock_ops.kit.secret_names import PEPPER, SESSION_KEY
from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.errors import ClusterError
from stock_ops.kubernetes.facts.cluster import CORE, pods_of
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.objects import Object
from stock_ops.kubernetes.runners.command import reseal_keys, run_as_owner
from stock_ops.kubernetes.runners.secrets import push

_KNOWN_S = 150.0
"""Longest until every pod has the new file; the kubelet brings it within a minute or so by itself."""
_LOOK_S = 0.3
_ROLES = ["sh", "/docker-entrypoint-initdb.d/100_roles.sh"]
_PASSWORD = ["sh", "/etc/stock-analysis/change-over.sh"]
_MERGE = "application/merge-patch+json"
_GONE = 404
_TODO = "See to the pods, then run the same command again: it goes on from there."


class ClusterHolder(FolderHolder):
    """The folder of the secrets, the Secret made of it, and the servers of the release."""

    def __init__(self, connection: Connection, environment: Environment, folder: Path, secret: str) -> None:
        super().__init__(folder, self._run_in_server, self._seal)
        self._connection, self._environment = connection, environment
        self._secret = secret

    def offer(self, name: str) -> None:
        """Both lines, in every pod that mounts it."""
        self._show(name, values(self._folder))

    def settle(self, name: str) -> None:
        """The new value alone, in every pod."""
        known = values(self._folder)
        if name != SESSION_KEY:
            known[name] = known[name][:1]
        self._show(name, known)

    def _show(self, name: str, known: dict[str, tuple[str, ...]]) -> None:
        push(self._connection, self._environment, self._secret, known)
        wanted = _digest(known[name])
        waiting = [(pod, container) for pod in self._pods() for container in _mounting(pod, name)]
        for pod in {one["metadata"]["name"]: one for one, _ in waiting}.values():
            self._wake(pod)
        deadline = time.monotonic() + _KNOWN_S
        while waiting := [one for one in waiting if not self._has(*one, name, wanted)]:
            if time.monotonic() > deadline:
                names = ", ".join(pod["metadata"]["name"] for pod, _ in waiting)
                raise SlowPartError(f"{names} has not got the new {name} after {_KNOWN_S:.0f} s.", _TODO)
            time.sleep(_LOOK_S)

    def _pods(self) -> list[Object]:
        found = pods_of(self._connection, self._environment)
        return [one for one in found if one["status"].get("phase") == "Running"]

    def _wake(self, pod: Object) -> None:
        """A changed annotation has the kubelet look at the pod, and at its Secret, now."""
        path = f"{CORE}/{self._environment.namespace}/pods/{pod['metadata']['name']}"
        body = {"metadata": {"annotations": {"stock-analysis/secrets-at": f"{time.time():.3f}"}}}
        answer = self._connection.ask("PATCH", path, body=body, kind=_MERGE)
        if answer.status != _GONE:
            self._connection.well(answer, f"an annotation of the pod {pod['metadata']['name']}")

    def _has(self, pod: Object, container: str, name: str, wanted: str) -> bool:
        """A pod that has ended meanwhile needs nothing."""
        command = ["sh", "-c", f"sha256sum </run/secrets/{name}"]
        namespace, pod_name = self._environment.namespace, pod["metadata"]["name"]
        try:
            _, said = self._connection.run_in(namespace, pod_name, container, command)
        except ClusterError:
            found = self._connection.get(f"{CORE}/{namespace}/pods/{pod_name}")
            if found and found["status"].get("phase") == "Running" and not _is_ending(found):
                raise
            return True
        return said.split()[:1] == [wanted]

    def _run_in_server(self, service: str, command: str) -> None:
        part = "app.kubernetes.io/component"
        found = [one for one in self._pods() if one["metadata"]["labels"].get(part) == service]
        if not found:
            raise PartError(f"No pod of {service} runs in this release.", _TODO)
        words = [*_ROLES, command.split()[-1]] if service == "postgresql" else _PASSWORD
        code, said = self._connection.run_in(
            self._environment.namespace, found[0]["metadata"]["name"], service, words
        )
        if code:
            raise PartError(
                f"{service} did not change over: {said.splitlines()[-1:] or 'it said nothing'}", _TODO
            )

    def _seal(self, _: str) -> None:
        """The hashes of the API keys, once the pod that does it has both peppers."""
        known = _digest(values(self._folder)[PEPPER])[:16]
        said = run_as_owner(self._connection, self._environment, reseal_keys(PEPPER, known))
        if said:
            raise PartError(f"The API keys were not sealed anew: {said}.", _TODO)


def _digest(lines: tuple[str, ...]) -> str:
    """SHA-256 of the file that these lines are."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def _is_ending(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _mounting(pod: Object, name: str) -> list[str]:
    """Containers of a pod that mount a key of the Secret."""
    volumes = {
        volume["name"]
        for volume in pod["spec"].get("volumes", [])
        for item in volume.get("secret", {}).get("items", [])
        if item["key"] == name
    }
    return [
        container["name"]
        for container in pod["spec"]["containers"]
        if any(mount["name"] in volumes for mount in container.get("volumeMounts", []))
    ]
