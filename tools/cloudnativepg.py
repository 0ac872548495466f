"""CloudNativePG's operator: its program out of its Go module, and the manifest of that release.

Its images cannot be had without a registry. Go keeps what it has built, so a second time takes seconds.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tools.custom_kinds import SOURCES, DefinitionsMissingError, module

VERSION = "1.27.0"
NAMESPACE = "cnpg-system"
_LONGEST_S = 1800
_STAMP = f"-s -w -X github.com/cloudnative-pg/cloudnative-pg/pkg/versions.buildVersion={VERSION}"


def source(environ: Mapping[str, str]) -> Path:
    """Its module, as pinned. Raises DefinitionsMissingError, and ValueError for another one."""
    go = shutil.which("go", path=environ.get("PATH"))
    if go is None:
        raise DefinitionsMissingError(
            f"NOT RUN: CloudNativePG {VERSION} is built from its Go module: install Go."
        )
    (pinned,) = (one for one in SOURCES if one.kind == "Cluster")
    return module(go, pinned, environ)


def build(folder: Path, program: Path, environ: Mapping[str, str]) -> None:
    """The operator, which is the instances' manager, too: one file that needs no library.

    Everything that it is built of is held to the sums in the module. Raises DefinitionsMissingError.
    """
    words = ["build", "-mod=readonly", "-trimpath", "-ldflags", _STAMP, "-o", str(program), "./cmd/manager"]
    asked = {**environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GONOSUMDB": "*"}
    try:
        done = subprocess.run(
            [shutil.which("go", path=environ.get("PATH")) or "go", *words],
            cwd=folder,
            env=asked,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DefinitionsMissingError(f"NOT RUN: CloudNativePG was not built in {_LONGEST_S} s.") from error
    if done.returncode != 0:
        raise DefinitionsMissingError(f"NOT RUN: CloudNativePG was not built: {done.stderr.strip()[-1500:]}")


def manifest(folder: Path, image: str) -> list[dict[str, Any]]:
    """Everything of the release, with this image: nothing is pulled, and a busy machine may take its time."""
    return [_here(one, image) for one in _documents(folder)]


def _documents(folder: Path) -> Iterator[dict[str, Any]]:
    text = (folder / "releases" / f"cnpg-{VERSION}.yaml").read_text()
    yield from (one for one in yaml.load_all(text, yaml.CSafeLoader) if one)


def _here(document: dict[str, Any], image: str) -> dict[str, Any]:
    if document["kind"] != "Deployment":
        return document
    (container,) = document["spec"]["template"]["spec"]["containers"]
    container |= {"image": image, "imagePullPolicy": "IfNotPresent"}
    for one in container["env"]:
        if one["name"] == "OPERATOR_IMAGE_NAME":
            one["value"] = image
    del container["resources"]["limits"]["cpu"]
    container["startupProbe"]["failureThreshold"] = 60
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        container[probe]["timeoutSeconds"] = 10
    return document
