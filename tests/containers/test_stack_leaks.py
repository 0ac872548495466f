"""`stockops secrets` on the stack: a change by the command itself, and leaks that are planted and found."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stock_ops.kit.secret_folder import read
from stock_ops.secrets.cli.check import look
from stock_ops.secrets.facts.containers import image_places, stack_places
from stock_ops.secrets.facts.search import Finding
from stock_ops.secrets.facts.stack import Project
from stock_ops.secrets.plans.forms import needles
from tests.containers.bases import PREFIX
from tests.containers.podman import CONFIG, run
from tests.containers.stack import Stack
from tools.container_parts import HOME, ROOT

NAME = "stock_gateway"
BROKEN = f"{PREFIX}/leaking:test"


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """podman as the tests use it, also for the program under test."""
    (HOME / "containers.conf").write_text(CONFIG)
    monkeypatch.setenv("CONTAINERS_CONF", str(HOME / "containers.conf"))


def secrets(stack: Stack, verb: str, *words: str) -> dict[str, Any]:
    where = ("--folder", str(stack.secrets), "--project", stack.project, "--engine", "podman", "--json")
    command = [sys.executable, "-m", "stock_ops", "secrets", verb, *words, *where]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT / "src", check=False)
    assert "Traceback" not in done.stderr, done.stderr
    found: dict[str, Any] = json.loads(done.stdout) | {"exit_code": done.returncode}
    value = read(stack.secrets / NAME)[0]
    assert value not in done.stdout + done.stderr
    return found


def test_the_command_changes_secrets_of_a_running_stack(stack: Stack) -> None:
    before = {name: read(stack.secrets / name)[:1] for name in ("stock_reader", "valkey", "api_key_pepper")}
    changed = secrets(stack, "rotate", *before)
    assert changed["exit_code"] == 0, changed
    assert changed["rotated"] == list(before)
    assert not [name for name, old in before.items() if read(stack.secrets / name)[:1] == old]
    assert stack.get("/api/v1/stocks").status_code == 200


def test_nothing_leaks_from_the_whole_stack(stack: Stack, report: Callable[[str, str], None]) -> None:
    """Every image with all its layers, every container's settings and log, every process of this machine."""
    started = time.monotonic()
    found = secrets(stack, "check")
    report("secrets check", f"{found['looked_at']} in {time.monotonic() - started:.0f} s")
    assert (found["exit_code"], found["outcome"], found["found"]) == (0, "passed", [])
    assert {"image", "container", "compose output", "process list", "environment"} <= set(found["looked_at"])
    assert found["looked_at"]["image"] > 10_000


@contextmanager
def image(tmp_path: Path, instruction: str) -> Iterator[None]:
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\nCOPY motd /etc/motd\n{instruction}\n")
    (tmp_path / "motd").write_text("hello\n")
    options = ("--isolation", "chroot", "--pull-never", "--format", "docker")
    run("buildah", "bud", *options, "-t", BROKEN, tmp_path)
    try:
        yield
    finally:
        run("podman", "rmi", "-f", BROKEN)


@pytest.mark.parametrize(
    ("instruction", "form", "place"),
    [
        ("ENV STOCK_DATABASE_PASSWORD={value}", "as it is", "configuration of"),
        ("LABEL build=psql://u:{value}@host", "as it is", "configuration of"),
        ("COPY secret /app/.env", "as it is", "/app/.env in a layer of"),
        ("COPY encoded /app/header", "Base64", "/app/header in a layer of"),
    ],
)
def test_a_secret_in_an_image_is_found(
    stack: Stack, tmp_path: Path, instruction: str, form: str, place: str
) -> None:
    value = read(stack.secrets / NAME)[0]
    (tmp_path / "secret").write_text(f"PASSWORD={value}\n")
    (tmp_path / "encoded").write_bytes(b"Basic " + base64.b64encode(f"user:{value}".encode()))
    patterns = needles({NAME: [value]})
    with image(tmp_path, instruction.format(value=value)):
        _, unread, found = look(image_places(Project("podman", stack.project), [BROKEN]), patterns)
    assert unread == []
    assert Finding(NAME, form, "image", f"{place} {BROKEN}") in found
    assert value not in str(found)


def test_a_secret_in_a_container_s_log_or_settings_is_found(stack: Stack) -> None:
    value = read(stack.secrets / NAME)[0]
    name = f"{stack.project}-leaking"
    label = f"com.docker.compose.project={stack.project}"
    options = ("--network", "none", "--label", label, "-e", f"PGPASSWORD={value}", "--entrypoint", "sh")
    script = "echo started; echo connecting with $PGPASSWORD"
    run("podman", "run", "--name", name, *options, stack.platform.name, "-c", script)
    try:
        places = (
            one
            for one in stack_places(Project("podman", stack.project), [])
            if one.kind in {"container", "compose output"}
        )
        _, unread, found = look(places, needles({NAME: [value]}))
    finally:
        run("podman", "rm", "-f", name)
    assert unread == []
    assert found == {
        Finding(NAME, "as it is", "container", f"inspection of {name}"),
        Finding(NAME, "as it is", "compose output", f"log of {name}, line 2"),
    }
