"""The limits of this machine and this release: the newest schema, the extensions, the cluster in place."""

import importlib.util
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stock_ops.kit.container import NobodyRecoversError, recovery_door
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.folder import size_bytes
from stock_ops.local.facts.instance import read_system_identifier


@dataclass(frozen=True, slots=True)
class Here:
    """The limits that a backup must fit."""

    system_identifier: str | None
    """Of the cluster in place; None: there is none that could be told from another."""
    schema_version: int | None
    """The newest that this release knows; None: the platform is not installed."""
    extensions: Mapping[str, frozenset[str]]
    """Versions of each extension that the PostgreSQL which recovers can make."""
    free_bytes: int
    used_bytes: int
    """Size of an unfinished restore's files."""


def observe_here(layout: Layout, package: Path, free_bytes: int) -> Here:
    """Look at everything. Raises NobodyRecoversError.

    package: PostgreSQL's folder.
    """
    return Here(
        system_identifier=read_system_identifier(layout.postgresql),
        schema_version=newest_migration(),
        extensions=extension_versions(_extension_scripts(package)),
        free_bytes=free_bytes,
        used_bytes=size_bytes(layout.restore),
    )


def _extension_scripts(package: Path) -> Iterable[str]:
    if door := recovery_door():
        try:
            return (door / "extensions").read_text(encoding="utf-8").split()
        except FileNotFoundError:
            raise NobodyRecoversError(door) from None
    return [path.name for path in (package / "pginstall" / "share" / "extension").glob("*--*.sql")]


def extension_versions(scripts: Iterable[str]) -> dict[str, frozenset[str]]:
    """Versions that the scripts of each extension lead to: NAME--VERSION.sql, NAME--OLD--VERSION.sql."""
    found: dict[str, set[str]] = {}
    for script in scripts:
        name, *versions = Path(script).stem.split("--")
        found.setdefault(name, set()).add(versions[-1])
    return {name: frozenset(versions) for name, versions in found.items()}


def _beside_command() -> list[Path]:
    """The platform in an environment of its own, as in the image of the operations."""
    command = Path(sys.executable).with_name("stock-analysis")
    return sorted(command.resolve().parents[1].glob("lib/python3*/site-packages/stock_analysis"))


def newest_migration() -> int | None:
    """Number of the last migration of the installed platform, packaged or in its checkout."""
    spec = importlib.util.find_spec("stock_analysis")
    packages = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    for package in packages or _beside_command():
        for folder in (package / "_resources" / "migrations", package.parent.parent / "migrations"):
            if numbers := [int(path.name[:4]) for path in folder.glob("[0-9][0-9][0-9][0-9]_*.sql")]:
                return max(numbers)
    return None
