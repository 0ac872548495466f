"""All facts that a plan needs, read in one go."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stock_ops.facts.folder import Folder, observe_folder
from stock_ops.facts.host import Account, current_account, service_account
from stock_ops.facts.instance import (
    Cluster,
    Memory,
    Overrides,
    Secrets,
    Unreadable,
    read_cluster,
    read_memory,
    read_overrides,
    read_secrets,
    read_text,
)
from stock_ops.facts.ports import Holder, free_ports, holder_of, is_free
from stock_ops.facts.processes import Leftover, Supervisor, observe_leftovers, observe_supervisor
from stock_ops.facts.programs import (
    Fingerprints,
    Programs,
    Wheel,
    fingerprints,
    observe_programs,
    postgresql_bin,
)
from stock_ops.layout import LOOPBACK, Layout

UNFINISHED = ".new"
"""Ends the name of what is being made; it loses this when it is whole."""


@dataclass(frozen=True, slots=True)
class Spare:
    """Values nobody uses yet, drawn here so that the plan stays a pure function."""

    secrets: Secrets
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """One data folder and what belongs to it, at one moment."""

    layout: Layout
    account: Account
    service: Account | None
    folder: Folder
    memory: Memory | Unreadable | None
    secrets: Secrets | Unreadable | None
    overrides: Overrides | Unreadable | None
    cluster: Cluster | Unreadable
    programs: Programs
    copied_programs: frozenset[str]
    """Names of the complete copies of servers in the data folder."""
    fingerprints: Fingerprints
    supervisor: Supervisor
    leftovers: tuple[Leftover, ...]
    taken: Mapping[int, Holder]
    """Holders of those of our ports on which somebody listens, we ourselves included."""
    texts: Mapping[Path, str | None]
    """Generated files as they are now."""
    environment: frozenset[str]
    """Names of the STOCK_... variables that are set."""
    spare: Spare

    def package(self, wheel: Wheel) -> Path:
        """Where a server is run from: its wheel, or its copy when it runs as another user."""
        if self.service is None:
            return wheel.package
        return self.layout.programs / wheel.copy_name / wheel.package.name

    @property
    def isready(self) -> Path:
        """The program that asks PostgreSQL whether it is ready."""
        wheel = self.programs.postgresql
        return postgresql_bin(self.package(wheel) if wheel else Path("/nonexistent")) / "pg_isready"


def observe(layout: Layout, *, port: int | None) -> Facts:
    """Read everything. Changes nothing.

    port: the one the operator asks for, if any.
    """
    service = service_account(layout.postgresql)
    memory, overrides = read_memory(layout), read_overrides(layout)
    supervisor = observe_supervisor(layout)
    remembered = memory.ports if isinstance(memory, Memory) else {}
    return Facts(
        layout=layout,
        account=current_account(),
        service=service,
        folder=observe_folder(layout.root, service, layout.folders),
        memory=memory,
        secrets=read_secrets(layout),
        overrides=overrides,
        cluster=read_cluster(layout),
        programs=observe_programs(),
        copied_programs=_copies(layout.programs),
        fingerprints=fingerprints(),
        supervisor=supervisor,
        leftovers=observe_leftovers(layout, supervisor),
        taken=_taken(public_host(overrides), port or remembered.get("platform", 8080), remembered),
        texts={path: read_text(path) for path in generated_files(layout)},
        environment=frozenset(name for name in os.environ if name.startswith("STOCK_")),
        spare=Spare(_draw_secrets(), free_ports(LOOPBACK, 4, avoid=frozenset(remembered.values()))),
    )


def public_host(overrides: Overrides | Unreadable | None) -> str:
    """The address the gateway listens on."""
    return str(overrides.get("host", LOOPBACK)) if isinstance(overrides, dict) else LOOPBACK


def generated_files(layout: Layout) -> tuple[Path, ...]:
    """The files that stockops writes and compares."""
    return (
        layout.platform_config,
        layout.supervisor_config,
        layout.valkey_config,
        layout.postgresql / "postgresql.conf",
        layout.postgresql / "pg_hba.conf",
    )


def _taken(host: str, public: int, remembered: Mapping[str, int]) -> dict[int, Holder]:
    places = [(LOOPBACK, port) for name, port in remembered.items() if name != "platform"]
    return {port: holder_of(port) for at, port in (*places, (host, public)) if not is_free(at, port)}


def _copies(folder: Path) -> frozenset[str]:
    try:
        return frozenset(copy.name for copy in folder.iterdir() if copy.suffix != UNFINISHED)
    except OSError:
        return frozenset()


def _draw_secrets() -> Secrets:
    return Secrets(*(secrets.token_hex(24) for _ in range(3)))
