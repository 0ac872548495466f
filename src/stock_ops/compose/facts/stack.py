"""The compose project of one data folder: its files, its settings, its name."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stock_ops.compose.facts.engine import Engine
from stock_ops.kit.errors import CorruptFileError, MissingProgramError
from stock_ops.kit.layout import Layout

IMAGES = ("PLATFORM_IMAGE", "OPS_IMAGE", "TIMESCALEDB_IMAGE", "VALKEY_IMAGE", "KAFKA_IMAGE")
LIVE_SOURCES = "STOCK_LIVE_SOURCES"
_MAY_BE_EMPTY = ("STOCK_PRELOAD_LIBRARIES", LIVE_SOURCES)
OPERATORS = (*IMAGES, "STOCK_PUBLISH", "STOCK_UID", "STOCK_DATABASE_UID", *_MAY_BE_EMPTY)
"""Variables of compose.yaml that the operator sets, in config/compose.env or in the environment."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one data folder that only this target has."""

    layout: Layout

    @property
    def settings(self) -> Path:
        """The operator's own: images, address; may be missing."""
        return self.layout.config / "compose.env"

    @property
    def memory(self) -> Path:
        """Port and fingerprint of the last start."""
        return self.layout.root / "compose.json"

    @property
    def overlay(self) -> Path:
        """The operator's own overlay of compose.yaml; may be missing."""
        return self.layout.config / "compose.override.yaml"

    @property
    def generated(self) -> Path:
        """All variables of compose.yaml, written at each start. No secret is in it."""
        return self.layout.run / "compose.env"

    @property
    def secrets(self) -> Path:
        """One file for each secret, and for each service a folder of those that it may read."""
        return self.layout.config / "secrets"

    @property
    def backup_key(self) -> Path:
        """The private key that opens the backups."""
        return self.layout.config / "backup.key"

    @property
    def inside(self) -> Path:
        """The settings of the backups as the containers read them, written at each start."""
        return self.layout.config / "inside"


@dataclass(frozen=True, slots=True)
class Stack:
    """How to speak to the containers of one data folder."""

    files: Files
    engine: Engine

    @property
    def project(self) -> str:
        """Its name among the projects of this machine."""
        return f"stock-{hashlib.sha256(os.fsencode(self.files.layout.root)).hexdigest()[:8]}"

    def compose(self, *words: str) -> list[str]:
        """A command of the compose program on this project."""
        paths = [compose_folder() / "compose.yaml"]
        paths += [compose_folder() / "compose.podman.yaml"] if self.engine.is_podman else []
        paths += [self.files.overlay] if self.files.overlay.exists() else []
        named = [word for path in paths for word in ("-f", f"{path}")]
        env = ("--env-file", f"{self.files.generated}")
        profiles = [word for name in ("restore", "admin", "live") for word in ("--profile", name)]
        options = ("-p", self.project, *profiles)
        return [*self.engine.compose, *env, *options, *named, *words]


def own_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Ours without what would go before the generated variables."""
    ours = ("COMPOSE_", "STOCK_")
    return {
        name: value for name, value in environ.items() if not name.startswith(ours) and name not in OPERATORS
    }


def compose_folder() -> Path:
    """The compose files, packaged or in the checkout. Raises MissingProgramError."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "_resources" / "compose", package.parents[1] / "deploy" / "compose"):
        if (folder / "compose.yaml").is_file():
            return folder
    raise MissingProgramError("compose.yaml is not installed beside this program.", "Install it anew.")


def read_variables(path: Path) -> dict[str, str]:
    """NAME=value on each line, as compose reads them; empty when there is no such file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CorruptFileError(path, str(error), "Correct it, or delete it.") from error
    found = {}
    for line in map(str.strip, lines):
        if not line or line.startswith("#"):
            continue
        name, is_there, value = line.partition("=")
        if not is_there:
            raise CorruptFileError(path, f"{line!r} is not NAME=value", "Correct that line.")
        found[name.strip()] = value.strip().strip("\"'")
    return found


def read_operators(files: Files, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The operator's variables: the environment's, else compose.env's, else those of the last start."""
    last, own = read_variables(files.generated), read_variables(files.settings)
    found = {**last}
    for told in (own, environ):
        found |= {
            name: told[name] for name in OPERATORS if told.get(name) or name in {*_MAY_BE_EMPTY} & told.keys()
        }
    return {name: found[name] for name in OPERATORS if name in found}


def fingerprint(stack: Stack) -> str:
    """Of all that containers are made from: a change of it makes new ones."""
    digest = hashlib.sha256()
    paths = [path for path in sorted(compose_folder().rglob("*")) if path.is_file() and path.name != ".env"]
    others = (stack.files.generated, stack.files.overlay, *sorted(stack.files.inside.glob("*")))
    paths += [path for path in others if path.is_file()]
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
