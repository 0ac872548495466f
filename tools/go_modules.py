"""Go modules, each pinned by its checksum: their files, and the programs that they are the source of.

Go's own client brings them from where it is configured to look (GOPROXY). Go keeps what it has built, so a
second time takes seconds.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LONGEST_FETCH_S = 300
_LONGEST_BUILD_S = 1800


class CannotBeHadError(Exception):
    """It cannot be had here; the words begin with NOT RUN."""


@dataclass(frozen=True, slots=True)
class Module:
    """One version of it."""

    name: str
    """With its version behind an @."""
    checksum: str
    """As go.sum has it: of all files of the module."""


def fetch(module: Module, environ: Mapping[str, str]) -> Path:
    """Its folder in Go's cache. Our own checksum stands in for the public list of checksums.

    Raises CannotBeHadError, and ValueError for a module that is not the pinned one.
    """
    command = [_go(environ), "mod", "download", "-json", module.name]
    done = _run(command, Path("/"), environ, _LONGEST_FETCH_S, module.name)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise CannotBeHadError(f"NOT RUN: {module.name}: {done.stderr.strip()[-500:]}") from None
    if "Error" in found:
        raise CannotBeHadError(f"NOT RUN: {module.name}: {found['Error']}")
    if found["Sum"] != module.checksum:
        raise ValueError(f"{module.name} has the checksum {found['Sum']}, not {module.checksum}.")
    return Path(found["Dir"])


def build(
    folder: Path,
    package: str,
    program: Path,
    environ: Mapping[str, str],
    *,
    linking: str = "",
    tags: Sequence[str] = (),
) -> None:
    """One file that needs no library, of a package below the folder.

    Everything that it is built of is held to the sums in the module. linking: more for the linker. Raises
    CannotBeHadError where Go takes too long, RuntimeError where it refuses the source.
    """
    words = ["build", "-mod=readonly", "-trimpath", "-ldflags", f"-s -w {linking}", "-tags", ",".join(tags)]
    words += ["-o", str(program), package]
    asked = {**environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    done = _run([_go(environ), *words], folder, asked, _LONGEST_BUILD_S, f"the build of {package}")
    if done.returncode != 0:
        raise RuntimeError(f"{package} in {folder.name} was not built: {done.stderr.strip()[-1500:]}")


def _go(environ: Mapping[str, str]) -> str:
    go = shutil.which("go", path=environ.get("PATH"))
    if go is None:
        raise CannotBeHadError("NOT RUN: install Go, which brings or builds what these tests need.")
    return go


def _run(
    command: list[str], folder: Path, environ: Mapping[str, str], longest_s: float, what: str
) -> subprocess.CompletedProcess[str]:
    asked = {**environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GONOSUMDB": "*"}
    try:
        return subprocess.run(
            command, cwd=folder, env=asked, capture_output=True, text=True, timeout=longest_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CannotBeHadError(f"NOT RUN: {what} took over {longest_s:g} s.") from error
