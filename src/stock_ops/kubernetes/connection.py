"""One connection to the API of a cluster, and to Helm, by the operator's kubeconfig.

Both libraries are imported when they are used: no other target has them.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import IO, Any

from stock_ops.kit.errors import MissingProgramError
from stock_ops.kubernetes.errors import ClusterError
from stock_ops.kubernetes.objects import Object

ANSWER_S = 30.0
MANAGER = "stockops"
_JSON, _APPLY = "application/json", "application/apply-patch+yaml"
_TODO = "Look whether it can be reached: stockops --target kubernetes doctor ENV"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an answer of the API."""

    status: int
    body: Object

    @property
    def message(self) -> str:
        """What the API says about a failure."""
        return str(self.body.get("message") or f"status {self.status}")


@dataclass
class Connection:
    """Requests to the API of one cluster. A client of the library `kubernetes` is behind it."""

    client: Any
    _resources: dict[str, list[Object]] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        kind: str = _JSON,
    ) -> Answer:
        """The answer, whatever its status. Raises ClusterError where there is none."""
        text = self._text(method, path, query or {}, body, kind)
        try:
            found = json.loads(text[1] or "{}")
        except ValueError:
            found = {"message": text[1][:500]}
        return Answer(text[0], found if isinstance(found, dict) else {"items": found})

    def get(self, path: str, **query: str) -> Object | None:
        """An object or a list of them; None where there is none. Raises ClusterError."""
        answer = self.ask("GET", path, query=query)
        if answer.status == 404:
            return None
        return self.well(answer, f"GET {path}")

    def items(self, path: str, **query: str) -> list[Object]:
        """The objects of a list. Raises ClusterError."""
        found = self.get(path, **query)
        return list(found["items"]) if found else []

    def text(self, path: str, **query: str) -> str:
        """An answer that is no JSON, such as a log; empty where there is none."""
        status, text = self._text("GET", path, query, None, _JSON)
        return text if status == 200 else ""

    def run_in(self, namespace: str, pod: str, container: str, command: list[str]) -> tuple[int, str]:
        """How a command ends in a container, and what it prints. Raises ClusterError if it may not run."""
        running = self._exec(namespace, pod, container, command)
        running.run_forever(timeout=ANSWER_S)
        said = f"{running.read_stdout(timeout=0) or ''}{running.read_stderr(timeout=0) or ''}"
        ended = running.returncode
        running.close()
        return (1 if ended is None else int(ended)), said.strip()

    def follow_in(
        self, namespace: str, pod: str, container: str, command: list[str], out: IO[str], err: IO[str]
    ) -> int:
        """How a command ends in a container, however long it takes; its output as it comes.

        Raises ClusterError if it may not run, or if the connection ends before it.
        """
        running = self._exec(namespace, pod, container, command)
        try:
            while running.is_open():
                running.update(timeout=1)
                _pass_on(running, out, err)
            _pass_on(running, out, err)
            ended = running.returncode
        finally:
            running.close()
        if ended is None:
            raise ClusterError(f"The connection to the pod {pod} ended before the command did.", _TODO)
        return int(ended)

    def _exec(self, namespace: str, pod: str, container: str, command: list[str]) -> Any:
        core, stream = import_module("kubernetes.client"), import_module("kubernetes.stream")
        rest = import_module("kubernetes.client.exceptions")
        call = core.CoreV1Api(self.client).connect_get_namespaced_pod_exec
        options = {"stdin": False, "stdout": True, "stderr": True, "tty": False, "_preload_content": False}
        try:
            return stream.stream(call, pod, namespace, container=container, command=command, **options)
        except rest.ApiException as error:
            raise ClusterError(f"No command can be run in the pod {pod}: {error.reason}.", _TODO) from error

    def lines(self, path: str, **query: str) -> Iterator[str]:
        """The lines of an answer as they come, until it ends."""
        answer = self._request("GET", path, query, None, _JSON, None)
        rest = b""
        for chunk in answer.response.stream(4096):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line.decode(errors="replace")
        if rest:
            yield rest.decode(errors="replace")

    def well(self, answer: Answer, what: str) -> Object:
        """The body of an answer that is no failure. Raises ClusterError."""
        if answer.status >= 400:
            raise ClusterError(f"The cluster refused {what}: {answer.message}.", _TODO)
        return answer.body

    def path_of(self, document: Object, namespace: str, *, name: str | None = None) -> str | None:
        """Where the API keeps an object; None where the cluster does not know its kind."""
        version = document["apiVersion"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if base not in self._resources:
            found = self.get(base)
            self._resources[base] = found["resources"] if found else []
        for resource in self._resources[base]:
            if resource["kind"] == document["kind"] and "/" not in resource["name"]:
                where = f"/namespaces/{namespace}" if resource["namespaced"] else ""
                return f"{base}{where}/{resource['name']}/{name or document['metadata']['name']}"
        return None

    def apply(self, path: str, document: Object, *, dry_run: bool = False) -> Answer:
        """Make or change an object, or let the API only say what it would become."""
        query = {"fieldManager": MANAGER, "force": "true", **({"dryRun": "All"} if dry_run else {})}
        return self.ask("PATCH", path, query=query, body=document, kind=_APPLY)

    def _text(
        self, method: str, path: str, query: Mapping[str, str], body: Object | None, kind: str
    ) -> tuple[int, str]:
        answer = self._request(method, path, query, body, kind, ANSWER_S)
        return int(answer.status), answer.read().decode(errors="replace")

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None,
        kind: str,
        limit_s: float | None,
    ) -> Any:
        from urllib3.exceptions import HTTPError

        line = self.client.param_serialize(
            method=method,
            resource_path=path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": kind},
            auth_settings=["BearerToken"],
        )
        try:
            # The client writes JSON by itself, and passes on what is called YAML.
            sent = json.dumps(body) if kind == _APPLY and body is not None else body
            return self.client.call_api(line[0], line[1], line[2], sent, _request_timeout=limit_s)
        except HTTPError as error:
            raise ClusterError(f"The cluster does not answer: {_first(error)}.", _TODO) from error


def _pass_on(running: Any, out: IO[str], err: IO[str]) -> None:
    for text, place in ((running.read_stdout(timeout=0), out), (running.read_stderr(timeout=0), err)):
        if text:
            place.write(text)
            place.flush()


def _first(error: Exception) -> str:
    return (f"{error}".splitlines() or [type(error).__name__])[0][:300]


def missing_library(name: str) -> MissingProgramError:
    """What is told where the extra of this target was not installed."""
    return MissingProgramError(
        f"The target kubernetes needs the Python package {name}, which is not installed.",
        "Install it: make install EXTRA=kubernetes",
    )


def connect(context: str | None) -> Connection:
    """By KUBECONFIG, else ~/.kube/config. context: else the current one. Raises OpsError."""
    try:
        config = import_module("kubernetes.config")
    except ImportError as error:
        raise missing_library("kubernetes") from error
    try:
        return Connection(config.new_client_from_config(context=context, persist_config=False))
    except (config.ConfigException, OSError, ValueError) as error:
        raise ClusterError(
            f"The kubeconfig cannot be used: {_first(error)}.",
            "Name one by KUBECONFIG, or set deploy.context in the environment to one of its contexts.",
        ) from error


@contextmanager
def open_helm(context: str | None, namespace: str) -> Iterator[Any]:
    """Helm 4 as a library. Raises OpsError; errors of its actions pass as they are."""
    try:
        import helm_python
    except ImportError as error:
        raise missing_library("helm-python-sdk") from error
    helm_python.enable_logging(logging.ERROR)
    try:
        opened = helm_python.Config(kube_context=context, namespace=namespace)
    except helm_python.HelmError as error:
        raise ClusterError(
            f"Helm cannot use the kubeconfig: {_first(error)}.", "Check KUBECONFIG."
        ) from error
    with opened as config:
        yield config
