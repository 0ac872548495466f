"""A storage's backups, log, timelines and marks, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from stock_ops.storage.manifest import Manifest
from stock_ops.storage.marks import NamedMark
from stock_ops.storage.timelines import Leg
from stock_ops.storage.wal import timeline_of


@dataclass(frozen=True, slots=True)
class Branch:
    """Where an earlier restore left a timeline although that goes on, and began another one."""

    left: Leg
    begun: Leg
    at: datetime
    """Of what was not brought back, the first commit, or the mark before it."""
    first_commit: datetime | None = None
    """On the timeline that was begun; None where it was not looked for, or there is none."""


@dataclass(frozen=True, slots=True)
class Passage:
    """How the log that leads to a time passes it, as the log itself tells."""

    last_commit: datetime | None
    """The last one in that log."""
    number: int | None
    """Of a segment with a commit after the time; None: it holds none."""
    marks: frozenset[str] = frozenset()
    """Names of those in its last segment, which may end before one that was set there."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What a storage holds, as far as a restore needs to know."""

    where: str
    system_identifier: str
    backups: tuple[Manifest, ...]
    damaged: Mapping[str, str]
    """Backups whose manifest cannot be trusted, and why."""
    sizes: Mapping[str, int]
    """Stored bytes of every object that belongs to a backup."""
    whole: frozenset[str]
    """Names of the segments that are there to their end."""
    partial: frozenset[str]
    histories: Mapping[int, str]
    """Text of each timeline's history; empty where it is damaged."""
    marks: tuple[NamedMark, ...]
    passage: Passage | None = None
    """At the time that is asked for; None where nobody asks for one."""
    branch: Branch | None = None
    """The last one before a time that is asked for; None where there is none, or nobody asks."""

    unproven: Mapping[str, str] = field(default_factory=dict)
    """Backups of which nothing proves that this instance made them, and why."""
    findings: tuple[str, ...] = ()
    """What was added, changed, put back or taken away by somebody else."""
    lost_end: str = ""
    """The newest segment that is known of, when it is missing."""

    @property
    def timeline(self) -> int:
        """The newest timeline."""
        of_segments = (timeline_of(segment) for segment in self.whole | self.partial)
        of_backups = (backup.timeline for backup in self.backups)
        return max((*self.histories, *of_segments, *of_backups), default=1)
