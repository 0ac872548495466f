"""Images of programs that Go builds here: one that needs no library, and nothing else."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from tests.cluster.cluster import Cluster
from tests.containers.podman import run

NOBODY = "65532:65532"


def not_run(error: Exception) -> NoReturn:
    """Why nothing of this is run, which `CI` does not take for a pass."""
    if "CI" in os.environ:
        pytest.fail(str(error))
    pytest.skip(str(error))


def image_from(root: Path, name: str, entrypoint: str) -> None:
    """Everything in the folder, and nothing else; the folder is gone afterwards."""
    container = run("buildah", "from", "scratch").stdout.strip()
    try:
        run("buildah", "copy", "-q", container, root, "/")
        run("buildah", "config", "--user", NOBODY, "--entrypoint", f'["{entrypoint}"]', container)
        run("buildah", "commit", "-q", container, name)
    finally:
        run("buildah", "rm", container)
        shutil.rmtree(root)


def load(cluster: Cluster, folder: Path, *names: str) -> None:
    """Bring images to all nodes."""
    archive = folder / "images.tar"
    run("podman", "save", "-q", "-m", "--format", "docker-archive", "-o", archive, *names)
    cluster.load(archive)
    archive.unlink()
