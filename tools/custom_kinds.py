"""CRDs of the custom kinds that the chart makes, out of the operators' own Go modules.

Go's own client brings them from where it is configured to look (GOPROXY), each version pinned by its
checksum.
STOCK_TEST_CRDS names a folder of the same files instead.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = "STOCK_TEST_CRDS"
_LONGEST_S = 300


class DefinitionsMissingError(Exception):
    """They cannot be had here."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the definition of a kind is."""

    kind: str
    module: str
    checksum: str
    """As go.sum has it: of all files of the module."""
    path: str
    """Below the module."""


SOURCES = (
    Source(
        "Certificate",
        "github.com/cert-manager/cert-manager@v1.21.1",
        "h1:0LttV37Q5c2CBNoHkjuI8sLKTXWZDC2SwQkxrBMKV9w=",
        "deploy/crds/cert-manager.io_certificates.yaml",
    ),
    Source(
        "Cluster",
        "github.com/cloudnative-pg/cloudnative-pg@v1.27.0",
        "h1:mp0zlYO4vKAJmQdArWORWKr1lmB4Hj8JeBQGX5RBnpg=",
        "config/crd/bases/postgresql.cnpg.io_clusters.yaml",
    ),
    Source(
        "ExternalSecret",
        "github.com/external-secrets/external-secrets@v1.3.2",
        "h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=",
        "config/crds/bases/external-secrets.io_externalsecrets.yaml",
    ),
)


def definitions(environ: Mapping[str, str]) -> list[Path]:
    """A file for each source.

    Raises DefinitionsMissingError, and ValueError for a module that is not the pinned one.
    """
    if folder := environ.get(FOLDER):
        return [_there(Path(folder, Path(source.path).name)) for source in SOURCES]
    go = shutil.which("go", path=environ.get("PATH"))
    if go is None:
        raise DefinitionsMissingError(
            f"NOT RUN: the definitions of custom kinds need Go, or a folder of them named by {FOLDER}."
        )
    return [_there(module(go, source, environ) / source.path) for source in SOURCES]


def _there(path: Path) -> Path:
    if not path.is_file():
        raise DefinitionsMissingError(f"NOT RUN: no definition {path}.")
    return path


def module(go: str, source: Source, environ: Mapping[str, str]) -> Path:
    """Its folder in Go's cache. Our own checksum stands in for the public list of checksums."""
    asked = {**environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "GONOSUMDB": "*"}
    try:
        done = subprocess.run(
            [go, "mod", "download", "-json", source.module],
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            env=asked,
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DefinitionsMissingError(f"NOT RUN: {source.module} took over {_LONGEST_S} s.") from error
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise DefinitionsMissingError(f"NOT RUN: {source.module}: {done.stderr.strip()[-500:]}") from None
    if "Error" in found:
        raise DefinitionsMissingError(f"NOT RUN: {source.module}: {found['Error']}")
    if found["Sum"] != source.checksum:
        raise ValueError(f"{source.module} has the checksum {found['Sum']}, not {source.checksum}.")
    return Path(found["Dir"])
