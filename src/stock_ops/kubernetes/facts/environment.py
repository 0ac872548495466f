"""The environment file and the checkout around it: what is to run, where, and of which commit."""

import hashlib
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stock_ops.kubernetes.connection import missing_library
from stock_ops.kubernetes.errors import EnvironmentFileError

CHART = Path("deploy/chart/stock-analysis")
ENVIRONMENTS = Path("deploy/environments")
_IMAGE = re.compile(r"([^@\s]+)@(sha256:[0-9a-f]{64})")
_MIGRATION = re.compile(r"(\d{4})_(pre|post)_\w+\.sql")
_BIGGEST_BYTES = 1_000_000
_DEFAULTS = {
    "context": "",
    "namespace": "stocks",
    "release": "stock",
    "timeoutSeconds": 300,
    "backupWithinHours": 0,
}


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment file, read."""

    name: str
    path: Path
    root: Path
    """The checkout that has the chart."""
    values: dict[str, Any]
    """The chart's, the image of the command line among them."""
    context: str | None
    namespace: str
    release: str
    timeout_s: int
    backup_within_h: int

    @property
    def chart(self) -> Path:
        """Its folder."""
        return self.root / CHART

    @property
    def values_hash(self) -> str:
        """Tells two sets of values apart."""
        text = json.dumps(self.values, sort_keys=True, default=str)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def read_environment(
    name: str, image: str | None = None, here: Path | None = None, *, ops_image: str | None = None
) -> Environment:
    """The environment of that name in deploy/environments, or of that file.

    image, ops_image: REPOSITORY@sha256:..., in place of the file's. Raises OpsError.
    """
    start = here or Path.cwd()
    path = Path(name) if "/" in name or name.endswith(".yaml") else _named(name, start)
    values = _read(path)
    root = _root(path.resolve().parent) or _root(start)
    if root is None:
        raise EnvironmentFileError(path, f"there is no {CHART} above it", "Run this in a checkout.")
    where = {**_DEFAULTS, **_mapping(path, values, "deploy")}
    if image is not None:
        values = {**values, "image": {**_mapping(path, values, "image"), **_image("--image", image)}}
    if ops_image is not None:
        backup = _mapping(path, values, "backup")
        ours = {**_mapping(path, backup, "image"), **_image("--ops-image", ops_image)}
        values = {**values, "backup": {**backup, "image": ours}}
    return Environment(
        name=path.stem,
        path=path,
        root=root,
        values=values,
        context=str(where["context"]) or None,
        namespace=str(where["namespace"]),
        release=str(where["release"]),
        timeout_s=_whole(path, where, "timeoutSeconds"),
        backup_within_h=_whole(path, where, "backupWithinHours"),
    )


def _named(name: str, start: Path) -> Path:
    root = _root(start)
    folder = (root or start) / ENVIRONMENTS
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in folder.glob("*.yaml"))) or "none"
        raise EnvironmentFileError(name, f"{folder} has no {name}.yaml", f"There are: {known}.")
    return path


def _root(start: Path) -> Path | None:
    return next((one for one in (start, *start.parents) if (one / CHART / "Chart.yaml").is_file()), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise missing_library("pyyaml") from error
    todo = "Write a mapping of the chart's values there: deploy/chart/stock-analysis/README.md lists them."
    try:
        if path.stat().st_size > _BIGGEST_BYTES:
            raise EnvironmentFileError(path, f"it is larger than {_BIGGEST_BYTES:,} bytes", todo)
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EnvironmentFileError(path, error.strerror or str(error), "Name another one.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EnvironmentFileError(path, " ".join(f"{error}".split())[:300], todo) from error
    if not isinstance(found, dict):
        raise EnvironmentFileError(path, "it is no mapping", todo)
    return found


def _mapping(path: Path, values: dict[str, Any], key: str) -> dict[str, Any]:
    found = values.get(key) or {}
    if not isinstance(found, dict):
        raise EnvironmentFileError(path, f"{key} is no mapping", "Write NAME: VALUE below it.")
    return found


def _whole(path: Path, where: dict[str, Any], key: str) -> int:
    value = where[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 86_400:
        reason = f"deploy.{key} = {value!r} is no number from 0 to 86400"
        raise EnvironmentFileError(path, reason, "Write a whole number.")
    return value


def _image(option: str, image: str) -> dict[str, str]:
    match = _IMAGE.fullmatch(image)
    if match is None:
        raise EnvironmentFileError(
            f"{option} {image}", "it is no REPOSITORY@sha256:...", "Give the digest that the push printed."
        )
    return {"repository": match[1], "digest": match[2]}


@dataclass(frozen=True, slots=True)
class Checkout:
    """What is deployed from."""

    commit: str
    """With `, changed` where files differ from it; `unknown` outside of git."""
    pre: int
    """Number of its newest migration that runs before the new code."""
    post: int
    """And of the newest that runs once the old code is gone."""


def read_checkout(root: Path) -> Checkout:
    """Of the folder that has the chart."""
    numbers = {"pre": 0, "post": 0}
    for path in (root / "migrations").glob("*.sql"):
        if match := _MIGRATION.fullmatch(path.name):
            numbers[match[2]] = max(numbers[match[2]], int(match[1]))
    commit = _git(root, "rev-parse", "HEAD")
    changed = bool(commit) and bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    return Checkout(f"{commit or 'unknown'}{', changed' * changed}", **numbers)


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", root, *words], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
