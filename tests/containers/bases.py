"""Images in place of those that a registry would give, made of Debian and the packages of this project."""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.containers.podman import build_standin, exists, pinned, run
from tools.container_parts import STANDINS

PREFIX = "localhost/stock-analysis-test"
RELEASE = "trixie"
PACKAGES = ("ca-certificates", "python3", "python3-venv", "python3-pip")
WASTE = ("var/lib/apt/lists", "var/cache", "usr/share/doc", "usr/share/locale", "usr/share/man", "var/log")
"""What Debian's slim images leave out, too."""


@dataclass(frozen=True, slots=True)
class StandIns:
    """Each image by name and digest, as a real one would be given."""

    python: str
    node: str
    postgresql: str
    valkey: str
    kafka: str
    s3: str


def make_standins() -> StandIns:
    """Build what is not there yet."""
    python = _python()
    others = {name: _other(name, python) for name in ("node", "postgresql", "valkey", "kafka", "s3")}
    return StandIns(python=python, **others)


def _other(name: str, python: str) -> str:
    dockerfile = STANDINS / f"{name}.Dockerfile"
    return build_standin(f"{PREFIX}/{name}:test", dockerfile, {"PYTHON_IMAGE": python})


def _python() -> str:
    """Debian with its own Python, in place of python:3.13-slim-trixie."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    name = f"{PREFIX}/python:{recipe}"
    if not exists(name):
        folder = Path(tempfile.mkdtemp(prefix="stock-test-debian-"))
        try:
            _bootstrap(folder, name)
        finally:
            shutil.rmtree(folder)
    return pinned(name)


def _bootstrap(folder: Path, name: str) -> None:
    root, archive = folder / "root", folder / "root.tar"
    run("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE, root)
    for waste in WASTE:
        shutil.rmtree(root / waste, ignore_errors=True)
        (root / waste).mkdir(parents=True)
    (root / "usr/bin/python").symlink_to("python3")
    run("tar", "-C", root, "-cf", archive, ".")
    run("podman", "import", "-q", archive, name)
