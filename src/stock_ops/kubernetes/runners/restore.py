"""Restore the database of a release: stop what uses it, run the chart's Job on its volume, start it again."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from stock_ops.kit.errors import PartError
from stock_ops.kubernetes.connection import MANAGER
from stock_ops.kubernetes.errors import ClusterError, RefusedError
from stock_ops.kubernetes.facts.cluster import CORE, deployments_of, observe, of_release, pods_of
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.objects import Object
from stock_ops.kubernetes.plans.restore import (
    BEFORE,
    SERVER,
    Stopped,
    claim_of,
    in_order,
    is_stopped,
    job_of,
    to_stop,
    turns,
    without_ours,
)
from stock_ops.kubernetes.plans.rollout import behind
from stock_ops.kubernetes.plans.why import troubles
from stock_ops.kubernetes.runners.command import Command, image_of_file, run_as_owner
from stock_ops.kubernetes.runners.deploy import Work

_MERGE = "application/merge-patch+json"
_ROLES = ["sh", "/docker-entrypoint-initdb.d/100_roles.sh"]
_MIGRATE = Command("migrate-restored", "exec stock-analysis migrate --patience 200")
_COMPONENT = "app.kubernetes.io/component"
_JOB = "batch.kubernetes.io/job-name"
_RESTORE = "restore"
"""Component of the pods of its Jobs."""
_WITH_PODS = {"propagationPolicy": "Background"}
_GONE_S = 180.0
_BEGUN_S = 180.0
_AGAIN = "Nothing was started again. Run the same command once more; or start what is in place with --start."


@dataclass(frozen=True, slots=True)
class Ended:
    """How the Job ended."""

    code: int
    said: str
    """What it printed."""


@dataclass(frozen=True, slots=True)
class Release:
    """What a restore works on."""

    stopped: tuple[Stopped, ...]
    server: Object
    """The StatefulSet of the database."""
    form: Object
    """The CronJob that is the form of a restore."""
    resumes: bool
    """An earlier one has stopped it."""
    image: str
    """The platform's, which brings the schema up to date."""


def look(work: Work) -> Release:
    """The release, as far as a restore changes it. Raises RefusedError."""
    environment, connection = work.environment, work.connection
    workloads = deployments_of(connection, environment)
    server = next((one for one in workloads if one["metadata"]["labels"][_COMPONENT] == SERVER), None)
    path = f"/apis/batch/v1/namespaces/{environment.namespace}/cronjobs/{environment.release}-restore"
    form = connection.get(path)
    if server is None or form is None:
        raise RefusedError(
            f"{environment.release} in {environment.namespace} has no database of its own to restore, or was "
            "deployed without backups.",
            "Deploy it first; a database of CloudNativePG or an external one is restored by its own means.",
        )
    stopped = to_stop(workloads, environment.namespace)
    return Release(stopped, server, form, any(map(is_stopped, workloads)), _image(environment, workloads))


def _image(environment: Environment, workloads: Sequence[Object]) -> str:
    """The gateway's; of a release of servers alone, the one that the environment's file names."""
    for one in workloads:
        if one["metadata"]["labels"][_COMPONENT] == "gateway":
            return str(one["spec"]["template"]["spec"]["containers"][0]["image"])
    return image_of_file(environment)


def stop_all(work: Work, release: Release) -> None:
    """No pod of any of them is left. Raises ClusterError, PartError."""
    for group in turns(release.stopped):
        for one in group:
            _scale(work, one, 0, remember=True)
        _await_end(work, {one.part for one in group})


def _await_end(work: Work, parts: set[str]) -> None:
    deadline = time.monotonic() + _GONE_S
    while left := _left(work, parts):
        if time.monotonic() > deadline:
            names = ", ".join(one["metadata"]["name"] for one in left)
            raise PartError(f"{names} does not end.", _AGAIN)
        time.sleep(1)


def _left(work: Work, parts: set[str]) -> list[Object]:
    return [
        one
        for one in pods_of(work.connection, work.environment)
        if one["metadata"]["labels"].get(_COMPONENT) in parts
        and one["status"].get("phase") not in ("Succeeded", "Failed")
    ]


def provide_volume(work: Work, release: Release, *, new: bool) -> bool:
    """Whether the volume of the database was made. new: the one there goes first. Raises PartError."""
    connection, claim = work.connection, claim_of(release.server)
    claims = f"{CORE}/{work.environment.namespace}/persistentvolumeclaims"
    path = f"{claims}/{claim['metadata']['name']}"
    if new:
        connection.ask("DELETE", path)
    deadline = time.monotonic() + _GONE_S
    while found := connection.get(path):
        if "deletionTimestamp" not in found["metadata"]:
            return False
        if time.monotonic() > deadline:
            raise PartError(f"The volume {claim['metadata']['name']} does not go away.", _AGAIN)
        time.sleep(1)
    connection.well(connection.ask("POST", claims, body=claim), f"the volume {claim['metadata']['name']}")
    return True


def end_jobs(work: Work) -> None:
    """No Job of an earlier restore is left: it would write to the volume as soon as it could.

    Raises ClusterError, PartError.
    """
    for job in work.connection.items(_jobs(work), labelSelector=of_release(work.environment)):
        ended = job["status"].get("succeeded") or job["status"].get("failed")
        if job["metadata"]["labels"].get(_COMPONENT) == _RESTORE and not ended:
            path = f"{_jobs(work)}/{job['metadata']['name']}"
            work.connection.ask("DELETE", path, query=_WITH_PODS)
    _await_end(work, {_RESTORE})


def _jobs(work: Work) -> str:
    return f"/apis/batch/v1/namespaces/{work.environment.namespace}/jobs"


def run_job(work: Work, release: Release, words: Sequence[str], outside: str, *, show: bool) -> Ended:
    """Restore into the volume. show: the lines as they come. Raises ClusterError, PartError."""
    connection, environment = work.connection, work.environment
    name = f"{environment.release}-restore-{datetime.now(UTC):%Y%m%d%H%M%S}"
    job = job_of(release.form, name, words, outside)
    connection.well(connection.ask("POST", _jobs(work), body=job), f"the Job {name}")
    try:
        pod = _begun(work, name)
    except PartError:
        end_jobs(work)
        raise
    path = f"{CORE}/{environment.namespace}/pods/{pod}/log"
    said = []
    for line in connection.lines(path, container="restore", follow="true"):
        said.append(line)
        if show and not line.startswith(_TOLD_HERE):
            work.report.log("restore", line, named=False)
    return Ended(_exit_code(work, pod), "\n".join(said))


def _begun(work: Work, job: str) -> str:
    """Name of the pod once its container runs or has run. Raises PartError that says why it does not."""
    deadline = time.monotonic() + _BEGUN_S
    while True:
        pods = [
            one
            for one in pods_of(work.connection, work.environment)
            if one["metadata"]["labels"].get(_JOB) == job
        ]
        for pod in pods:
            states = pod["status"].get("containerStatuses", [])
            if any({"running", "terminated"} & one["state"].keys() for one in states):
                return str(pod["metadata"]["name"])
        if time.monotonic() > deadline:
            raise PartError(f"The restore does not begin: {_why(work, job, pods)}", _NODES)
        time.sleep(1)


_TOLD_HERE = ("Next ", "Old data ")
"""Lines of a restore on one machine that say what is otherwise here."""
_NODES = (
    "Its pod needs the volumes of the database and of the backups on one node. Where they lie on different "
    "ones, and the database is lost anyhow, add --new-volume; then run the same command again."
)


def _why(work: Work, job: str, pods: Sequence[Object]) -> str:
    if found := troubles(pods):
        return found[0].says
    events = observe(work.connection, work.environment).events
    told = [one["message"] for one in events if one["involvedObject"].get("name", "").startswith(job)]
    return str(told[-1]) if told else f"no pod of the Job {job} is there."


def _exit_code(work: Work, pod: str) -> int:
    path = f"{CORE}/{work.environment.namespace}/pods/{pod}"
    deadline = time.monotonic() + _GONE_S
    while time.monotonic() < deadline:
        found = work.connection.get(path) or {"status": {}}
        for one in found["status"].get("containerStatuses", []):
            if ended := one["state"].get("terminated"):
                return int(ended["exitCode"])
        time.sleep(1)
    raise ClusterError(f"The pod {pod} of the restore did not end.", _AGAIN)


def start_server(work: Work, release: Release) -> None:
    """The database, with the roles' passwords of now. Raises PartError."""
    (server,) = in_order(release.stopped)[0]
    _scale(work, server, max(server.replicas, 1))
    _await(work, {SERVER})
    code, said = work.connection.run_in(work.environment.namespace, f"{server.name}-0", SERVER, _ROLES)
    if code:
        raise PartError(f"The roles of the database cannot be set up: {said.splitlines()[-1:]}", _AGAIN)


def migrate(work: Work, release: Release) -> None:
    """A backup of an earlier version gets the schema that the running one needs. Raises PartError."""
    if said := run_as_owner(work.connection, work.environment, _MIGRATE, release.image):
        raise PartError(f"The migrations of the restored database failed: {said}", _AGAIN)


def start_rest(work: Work, release: Release) -> None:
    """Everything else, with as many pods as before. Raises PartError."""
    rest = in_order(release.stopped)[1]
    for one in rest:
        _scale(work, one, one.replicas)
    _await(work, {one.part for one in rest})
    for one in release.stopped:
        _forget(work, one)


def _await(work: Work, parts: set[str]) -> None:
    deadline = time.monotonic() + work.environment.timeout_s
    while late := behind(
        one
        for one in deployments_of(work.connection, work.environment)
        if one["metadata"]["labels"][_COMPONENT] in parts
    ):
        if time.monotonic() > deadline:
            where = work.environment.path
            todo = f"Look why: stockops --target kubernetes status {where}. Then start again with --start."
            raise PartError(f"Not ready: {', '.join(late)}.", todo)
        time.sleep(1)


def _scale(work: Work, one: Stopped, replicas: int, *, remember: bool = False) -> None:
    body: Object = {"spec": {"replicas": replicas}}
    if remember:
        body["metadata"] = {"annotations": {BEFORE: f"{one.replicas}"}}
    _patch(work, one, body)


def _forget(work: Work, one: Stopped) -> None:
    """The annotation goes, and so does our part in the number of pods, which a later deploy may change."""
    _patch(work, one, {"metadata": {"annotations": {BEFORE: None}}})
    found = work.connection.get(one.path) or {"metadata": {}}
    fields = without_ours(found["metadata"].get("managedFields", []), MANAGER)
    _patch(work, one, {"metadata": {"managedFields": fields}})


def _patch(work: Work, one: Stopped, body: Object) -> None:
    answer = work.connection.ask("PATCH", one.path, query={"fieldManager": MANAGER}, body=body, kind=_MERGE)
    work.connection.well(answer, one.name)
