"""CloudNativePG's operator: its program out of its Go module, and the manifest of that release.

Its images cannot be had without a registry.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tools import go_modules
from tools.custom_kinds import SOURCES

VERSION = "1.27.0"
NAMESPACE = "cnpg-system"
_STAMP = f"-X github.com/cloudnative-pg/cloudnative-pg/pkg/versions.buildVersion={VERSION}"


def source(environ: Mapping[str, str]) -> Path:
    """Its module, as pinned. Raises CannotBeHadError, and ValueError for another one."""
    (pinned,) = (one for one in SOURCES if one.kind == "Cluster")
    return go_modules.fetch(pinned.module, environ)


def build(folder: Path, program: Path, environ: Mapping[str, str]) -> None:
    """The operator, which is the instances' manager, too. Raises as `go_modules.build` does."""
    go_modules.build(folder, "./cmd/manager", program, environ, linking=_STAMP)


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
