"""CRDs of the custom kinds that the chart makes, out of the operators' own Go modules.

STOCK_TEST_CRDS names a folder of the same files instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.go_modules import CannotBeHadError, Module, fetch

FOLDER = "STOCK_TEST_CRDS"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the definition of a kind is."""

    kind: str
    module: Module
    path: str
    """Below the module."""


SOURCES = (
    Source(
        "Certificate",
        Module(
            "github.com/cert-manager/cert-manager@v1.21.1", "h1:0LttV37Q5c2CBNoHkjuI8sLKTXWZDC2SwQkxrBMKV9w="
        ),
        "deploy/crds/cert-manager.io_certificates.yaml",
    ),
    Source(
        "Cluster",
        Module(
            "github.com/cloudnative-pg/cloudnative-pg@v1.27.0",
            "h1:mp0zlYO4vKAJmQdArWORWKr1lmB4Hj8JeBQGX5RBnpg=",
        ),
        "config/crd/bases/postgresql.cnpg.io_clusters.yaml",
    ),
    Source(
        "ExternalSecret",
        Module(
            "github.com/external-secrets/external-secrets@v1.3.2",
            "h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=",
        ),
        "config/crds/bases/external-secrets.io_externalsecrets.yaml",
    ),
)


def definitions(environ: Mapping[str, str]) -> list[Path]:
    """A file for each source.

    Raises CannotBeHadError, and ValueError for a module that is not the pinned one.
    """
    if folder := environ.get(FOLDER):
        return [_there(Path(folder, Path(source.path).name)) for source in SOURCES]
    try:
        return [_there(fetch(source.module, environ) / source.path) for source in SOURCES]
    except CannotBeHadError as error:
        raise CannotBeHadError(f"{error} Or name a folder of the definitions in {FOLDER}.") from error


def _there(path: Path) -> Path:
    if not path.is_file():
        raise CannotBeHadError(f"NOT RUN: no definition {path}.")
    return path
