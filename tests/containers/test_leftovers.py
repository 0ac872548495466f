"""A run that is killed leaves nothing on the machine once the next one begins."""

import os
import subprocess
import sys

from tests.containers import leftovers
from tests.containers.images import Image
from tests.containers.podman import run
from tools.container_parts import ROOT

KILLED = """\
import os, signal, sys
from tests.containers import leftovers
from tests.containers.podman import run
project, image = sys.argv[1:]
leftovers.hold(project)
run("podman", "tag", image, f"{leftovers.IMAGE}:{project}")
label = ("--label", f"com.docker.compose.project={project}")
run("podman", "network", "create", *label, project)
run("podman", "volume", "create", *label, project)
mounts = ("--network", project, "-v", f"{project}:/kept")
run("podman", "run", "-d", *label, *mounts, "--name", project, "--entrypoint", "sleep", image, "600")
os.kill(os.getpid(), signal.SIGKILL)
"""


def of_project(project: str) -> list[str]:
    label = f"label=com.docker.compose.project={project}"
    kinds = (("ps", "-aq"), ("volume", "ls", "-q"), ("network", "ls", "-q"))
    found = [name for kind in kinds for name in run("podman", *kind, "--filter", label).stdout.split()]
    return found + run("podman", "images", "-q", "--filter", f"reference=*:{project}").stdout.split()


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_has_stays(platform: Image) -> None:
    killed, living = (f"stock-test-{os.getpid()}-{name}" for name in ("killed", "living"))
    leftovers.hold(living)
    run("podman", "network", "create", "--label", f"com.docker.compose.project={living}", living)
    try:
        done = subprocess.run([sys.executable, "-c", KILLED, killed, platform.name], cwd=ROOT, check=False)
        assert done.returncode == -9
        assert len(of_project(killed)) == 4
        assert killed in leftovers.remove_those_of_killed_runs()
        assert of_project(killed) == []
        assert len(of_project(living)) == 1
    finally:
        leftovers.remove(killed)
        leftovers.remove(living)
    assert of_project(living) == []
