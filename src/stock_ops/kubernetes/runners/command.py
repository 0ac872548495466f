"""Run a command of the platform with the rights of the tables' owner, in a Job of the release."""

import time
from dataclasses import dataclass, replace

from stock_ops.kit.errors import PartError
from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.errors import ClusterError
from stock_ops.kubernetes.facts.cluster import condition, last_words_of_job, pods_of
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.facts.rendered import render
from stock_ops.kubernetes.objects import Object

_LOOK_S = 0.5
_LONGEST_S = 300.0
_TODO = "See to it, then run the same command again."


@dataclass(frozen=True, slots=True)
class Command:
    """A shell script in the platform's image; words are its $0, $1, ..."""

    name: str
    script: str
    words: tuple[str, ...] = ()


CHECK_SCHEMA = Command(
    "check-schema",
    # A version from before this option can say nothing.
    "if stock-analysis migrate --help | grep -q -- --check; then "
    "exec stock-analysis migrate --check --patience 60; fi",
)


def reseal_keys(pepper: str, known: str) -> Command:
    """Seal the API keys' hashes once the pod has the newest form of the file of the pepper.

    known: how the SHA-256 of that begins; a node may know an older form of a Secret for a while.
    """
    script = """
for _ in $(seq 150); do
  if sha256sum <"/run/secrets/$0" | grep -q "^$1"; then exec stock-analysis keys reseal; fi
  sleep 1
done
echo "/run/secrets/$0 is not what it should be after 150 s" >&2
exit 1
"""
    return Command("reseal-keys", script, (pepper, known))


def run_as_owner(
    connection: Connection, environment: Environment, command: Command, image: str | None = None
) -> str:
    """What it said last where it failed; empty where it ended well. Raises ClusterError, PartError.

    image: of the version that runs it; else the one that the gateway runs.
    """
    jobs = f"/apis/batch/v1/namespaces/{environment.namespace}/jobs"
    wanted = _job(environment, image or _image_of_gateway(connection, environment), command)
    made = connection.well(connection.ask("POST", jobs, body=wanted), f"the Job {command.name}")
    name = str(made["metadata"]["name"])
    try:
        return _wait(connection, environment, f"{jobs}/{name}", name)
    finally:
        connection.ask("DELETE", f"{jobs}/{name}", query={"propagationPolicy": "Background"})


def _job(environment: Environment, image: str, command: Command) -> Object:
    """The chart's own Job of the migrations, with this command."""
    here = replace(
        environment,
        values={**environment.values, "image": _values(environment.values.get("image") or {}, image)},
    )
    job = _form(here)
    job["metadata"] = {
        "generateName": f"{environment.release}-{command.name}-",
        "labels": job["metadata"]["labels"],
    }
    job["spec"] |= {"backoffLimit": 0, "ttlSecondsAfterFinished": 600}
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["/bin/sh", "-euc", command.script, *command.words]
    del container["args"]
    return job


def _form(environment: Environment) -> Object:
    name = f"{environment.release}-migrate"
    documents = render(environment, upgrade=False)
    return next(one for one in documents if (one["kind"], one["metadata"]["name"]) == ("Job", name))


def image_of_file(environment: Environment) -> str:
    """The platform's image that the environment's file names. Raises OpsError where it names none."""
    return str(_form(environment)["spec"]["template"]["spec"]["containers"][0]["image"])


def _values(known: Object, image: str) -> Object:
    repository, _, digest = image.partition("@")
    if digest:
        return {**known, "repository": repository, "digest": digest}
    repository, _, tag = image.rpartition(":")
    return {**known, "repository": repository, "digest": "", "tag": tag}


def _image_of_gateway(connection: Connection, environment: Environment) -> str:
    for pod in pods_of(connection, environment):
        labels = pod["metadata"]["labels"]
        if labels.get("app.kubernetes.io/component") == "gateway" and condition(pod, "Ready"):
            return str(pod["spec"]["containers"][0]["image"])
    raise PartError("No gateway of this release is ready, so that its version is not known.", _TODO)


def _wait(connection: Connection, environment: Environment, path: str, name: str) -> str:
    deadline = time.monotonic() + _LONGEST_S
    while True:
        job = connection.get(path)
        if job is None:
            raise ClusterError(f"The Job {name} was taken away before it ended.", _TODO)
        if condition(job, "Complete"):
            return ""
        if condition(job, "Failed"):
            return last_words_of_job(connection, environment, name)
        if time.monotonic() > deadline:
            said = last_words_of_job(connection, environment, name)
            raise PartError(f"The Job {name} did not end within {_LONGEST_S:.0f} s: {said}.", _TODO)
        time.sleep(_LOOK_S)
