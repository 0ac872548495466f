"""Run the compose program on a project, and wait until a service does its work."""

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from stock_ops.compose.facts.containers import Container, observe_containers
from stock_ops.compose.facts.engine import ask
from stock_ops.compose.facts.stack import Stack, compose_folder, own_environment
from stock_ops.compose.plans.services import LONGEST_WAIT_S, TITLES, WAIT_S
from stock_ops.kit.errors import PartError
from stock_ops.kit.files import write_whole
from stock_ops.kit.wanted import NewFile
from stock_ops.kit.words import last_words

_LIMIT_S = 900.0
_POLL_S = 0.5
_GIVE_UP_RESTARTS = 5


def run_compose(stack: Stack, *words: str, limit_s: float = _LIMIT_S) -> str:
    """Run a verb of the compose program. Raises PartError with its last words."""
    try:
        done = subprocess.run(
            stack.compose(*words),
            cwd=compose_folder(),
            env=own_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PartError(f"{stack.engine.name} {words[0]} did not end within {limit_s:g} s.", _SEE) from error
    if done.returncode != 0:
        told = last_words("\n".join(filter(_tells, (done.stdout + done.stderr).splitlines())))
        raise PartError(f"{stack.engine.name} {words[0]} failed: {told}", _SEE)
    return done.stdout


def _tells(line: str) -> bool:
    """Podman complains where there is no systemd to run health checks; they are run all the same."""
    return "systemd connection" not in line


def set_up_roles(stack: Stack) -> None:
    """The database's roles, their passwords and their rights, by the superuser within its container."""
    found = observe_containers(stack, "postgresql")["postgresql"]
    answer = ask(stack.engine.program, "exec", found.id, "sh", "/etc/stock-analysis/roles.sh")
    if answer.code != 0:
        told = last_words("\n".join(filter(_tells, (answer.text + answer.errors).splitlines())))
        raise PartError(f"The database roles cannot be set up: {told}", _see("postgresql"))


def write_for_group(path: Path, text: str, gid: str) -> None:
    """A file that the containers read as members of the secrets' group."""
    write_whole(NewFile(path, text))
    os.chown(path, -1, int(gid))
    path.chmod(0o640)


def user_of_image(stack: Stack, image: str, name: str) -> str:
    """The number of a user in an image. Raises PartError."""
    words = ("run", "--rm", "--network", "none", "--entrypoint", "id", image, "-u", name)
    answer = ask(stack.engine.program, *words, limit_s=_LIMIT_S)
    if answer.code != 0 or not answer.text.strip().isdecimal():
        told = last_words("\n".join(filter(_tells, (answer.text + answer.errors).splitlines())))
        raise PartError(f"{image} cannot be started: {told}", "Check the name of the image.")
    return answer.text.strip()


def await_healthy(stack: Stack, service: str) -> None:
    """Wait until its health check says yes. Raises PartError with the last words of its log."""
    limit_s = WAIT_S.get(service, LONGEST_WAIT_S)
    deadline, found = time.monotonic() + limit_s, None
    restarts = _restarts(observe_containers(stack, service), service)
    while time.monotonic() < deadline:
        containers = observe_containers(stack, service, checked=True)
        found = containers.get(service)
        if found and found.is_well:
            return
        if found and (
            found.status == "exited" or _restarts(containers, service) - restarts >= _GIVE_UP_RESTARTS
        ):
            raise PartError(f"{TITLES[service]} does not start: {log_words(stack, found)}", _see(service))
        time.sleep(_POLL_S)
    told = f"{found.health.reason}; its log: {log_words(stack, found)}" if found else "there is no container"
    raise PartError(f"{TITLES[service]} is not healthy after {limit_s:g} s: {told}", _see(service))


def run_once(stack: Stack, service: str) -> None:
    """Run a service that ends, and wait for its end. Raises PartError with the last words of its log."""
    run_compose(stack, "up", "-d", service)
    deadline, found = time.monotonic() + LONGEST_WAIT_S * 5, None
    while time.monotonic() < deadline:
        found = observe_containers(stack, service).get(service)
        if found and found.status == "exited" and found.exit_code == 0:
            return
        if found and (found.status == "exited" or found.restarts >= _GIVE_UP_RESTARTS):
            break
        time.sleep(_POLL_S)
    told = log_words(stack, found) if found else "there is no container"
    raise PartError(f"{TITLES.get(service, service)} failed: {told}", _see(service))


def stop_service(stack: Stack, container: Container) -> None:
    """Stop a container and wait for its end; it is killed when it takes longer than its grace."""
    run_compose(stack, "stop", container.service)


def remove_service(stack: Stack, service: str) -> None:
    """Stop its container, if there is one, and take it away; its volumes stay. Raises PartError."""
    if (found := observe_containers(stack, service).get(service)) is None:
        return
    if found.runs:
        stop_service(stack, found)
    answer = ask(stack.engine.program, "rm", "-f", found.id)
    if answer.code != 0:
        raise PartError(f"The container {found.name} stays: {last_words(answer.errors)}", _SEE)


def log_words(stack: Stack, container: Container) -> str:
    """The line of its log that most likely tells why it failed."""
    answer = ask(stack.engine.program, "logs", "--tail", "40", container.id)
    return last_words(answer.text + answer.errors)


def _restarts(containers: Mapping[str, Container], service: str) -> int:
    found = containers.get(service)
    return found.restarts if found else 0


def _see(service: str) -> str:
    return f"Its log says more: stockops logs {service}"


_SEE = "Run `stockops doctor`, then try again."
