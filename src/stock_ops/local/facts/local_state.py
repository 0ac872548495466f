"""This machine and its servers at one moment, as far as a verdict needs them."""

from dataclasses import dataclass

from stock_ops.local.facts.disk import Disk
from stock_ops.local.facts.structure import Structure


@dataclass(frozen=True, slots=True)
class PartTrouble:
    """A part that shall run and is not well."""

    name: str
    reason: str
    """Its state, and why."""


@dataclass(frozen=True, slots=True)
class LocalState:
    """This machine and its servers at one moment."""

    troubles: tuple[PartTrouble, ...] = ()
    disks: tuple[Disk, ...] = ()
    live: Structure | None = None
    """None: the database cannot be asked now."""
    expected: Structure | None = None
    """None: the migrations are not known here."""
