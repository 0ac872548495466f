"""The two images, and what one can see of them without starting them."""

import json
import os
import tarfile
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.containers.bases import StandIns
from tests.containers.podman import build_options, inspect, run
from tools.container_parts import ROOT

NAMES = {"platform": "localhost/stock-analysis", "stock-ops": "localhost/stock-ops"}
SOURCE = "https://example.org/stock-analysis"


@dataclass(frozen=True, slots=True)
class Image:
    """One of them."""

    name: str

    @property
    def config(self) -> dict[str, Any]:
        """User, environment, entry point, labels, health check."""
        found = inspect("image", self.name)
        config: dict[str, Any] = found["Config"]
        return config | {"Healthcheck": found.get("HealthCheck") or found.get("Healthcheck")}

    @property
    def layers(self) -> list[str]:
        """Digest of the content of each layer, the base's first."""
        return list(inspect("image", self.name)["RootFS"]["Layers"])

    @property
    def size_bytes(self) -> int:
        """Unpacked, with the base."""
        return int(inspect("image", self.name)["Size"])

    def sh(self, script: str) -> str:
        """What a shell in it prints, as the image's own user."""
        command = [
            "podman",
            "run",
            "--rm",
            "--network",
            "none",
            "--entrypoint",
            "sh",
            self.name,
            "-euc",
            script,
        ]
        return run(*command).stdout


def build(
    target: str,
    standins: StandIns,
    *,
    tag: str = "test",
    options: tuple[str, ...] = (),
    environ: dict[str, str] | None = None,
) -> Image:
    """Build as everyone does, by build.sh; only where packages come from is this machine's."""
    known = {
        "BUILDER": "buildah",
        "BUILD_OPTIONS": " ".join([*build_options(), *options]),
        "PYTHON_IMAGE": standins.python,
        "NODE_IMAGE": standins.node,
        "SOURCE": SOURCE,
        "TAG": tag,
        "TMPDIR": os.environ.get("TMPDIR", "/var/tmp"),  # noqa: S108 - buildah's own default
    }
    run(ROOT / "deploy/docker/build.sh", target, environ=known | (environ or {}))
    return Image(f"{NAMES[target]}:{tag}")


def pulled_bytes(*images: Image) -> list[int]:
    """What a registry would send of each: its layers, packed by gzip. A layer of several is packed once."""
    with tempfile.TemporaryDirectory(prefix="stock-test-images-") as folder:
        archive = Path(folder) / "images.tar"
        run("podman", "save", "-q", "-m", "-o", archive, *(image.name for image in images))
        with tarfile.open(archive) as tar:
            manifest = tar.extractfile("manifest.json")
            assert manifest
            layers = {one["RepoTags"][0]: one["Layers"] for one in json.load(manifest)}
        every = sorted({layer for one in layers.values() for layer in one})
        with ThreadPoolExecutor(2) as pool:
            sizes = dict(zip(every, pool.map(partial(_packed, archive), every), strict=True))
    return [sum(sizes[layer] for layer in layers[image.name]) for image in images]


def _packed(archive: Path, layer: str) -> int:
    packer, size = zlib.compressobj(6), 0
    with tarfile.open(archive) as tar:
        content = tar.extractfile(layer)
        assert content
        while piece := content.read(2**20):
            size += len(packer.compress(piece))
    return size + len(packer.flush())
