"""The two images, and what one can see of them without starting them."""

import os
from dataclasses import dataclass
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
