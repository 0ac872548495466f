"""podman and buildah as they work without a daemon and without systemd."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tools.container_parts import HOME, ROOT

CONFIG = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""
LONGEST_S = 600
"""Less than pytest gives a test, which would be ended without the words of the program."""


def run(
    *command: str | Path, check: bool = True, environ: dict[str, str] | None = None, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program; a failure tells what it said."""
    config = HOME / "containers.conf"
    if not config.exists():
        config.write_text(CONFIG)
    known = os.environ | {"CONTAINERS_CONF": str(config)} | (environ or {})
    done = subprocess.run(
        list(map(str, command)),
        cwd=more.pop("cwd", ROOT),
        env=known,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
        **more,
    )
    if check and done.returncode != 0:
        said = f"{done.stdout[-3000:]}\n{_telling(done.stderr)[-3000:]}"
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{said}")
    return done


def _telling(stderr: str) -> str:
    """Without podman's complaint that there is no systemd to run health checks; the tests run them."""
    return "\n".join(line for line in stderr.splitlines() if "systemd connection" not in line)


def inspect(kind: str, name: str) -> dict[str, Any]:
    """What podman knows of an image, a container or a network."""
    (found,) = json.loads(run("podman", kind, "inspect", name).stdout)
    assert isinstance(found, dict)
    return found


def is_healthy(container: str) -> bool:
    """What its own health check says now."""
    return run("podman", "healthcheck", "run", container, check=False).returncode == 0


def logs(container: str) -> str:
    """The end of what it has logged."""
    done = run("podman", "logs", "--tail", "30", container, check=False)
    return done.stdout + done.stderr


def build_options() -> list[str]:
    """What a build needs on this machine alone: how its packages are reached."""
    options = ["--isolation", "chroot", "--pull-never"]
    for here, there in _MOUNTS.items():
        if Path(here).exists():
            options += ["-v", f"{here}:{there}:ro"]
    return options


_MOUNTS = {
    "/etc/ssl/certs/ca-certificates.crt": "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pip.conf": "/etc/pip.conf",
    "/etc/npmrc": "/usr/local/etc/npmrc",
}


def build_standin(name: str, dockerfile: Path, arguments: dict[str, str]) -> str:
    """Build an image from the checkout; its name with the digest."""
    told = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    options = ["--layers", "--format", "docker", *build_options(), *told]
    run("buildah", "bud", *options, "-t", name, "-f", dockerfile, ".")
    return pinned(name)


def pinned(name: str) -> str:
    """The image with its digest instead of its tag."""
    return f"{name.rpartition(':')[0]}@{inspect('image', name)['Digest']}"


def exists(name: str) -> bool:
    """Whether there is such an image."""
    return run("podman", "image", "exists", name, check=False).returncode == 0


def wait_for(ready: Callable[[], bool], what: Callable[[], str], timeout_s: float = 300) -> float:
    """Seconds until it was ready. Fails with what is known when it never is."""
    started = time.monotonic()
    while not ready():
        if time.monotonic() - started > timeout_s:
            raise AssertionError(f"not ready after {timeout_s:g} s: {what()}")
        time.sleep(0.5)
    return time.monotonic() - started


LOCKED_DOWN: Sequence[str] = (
    *("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp:mode=1777,size=64m"),  # noqa: S108 - in the container
    *("--cap-drop", "all", "--security-opt", "no-new-privileges"),
)
