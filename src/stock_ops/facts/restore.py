"""What a storage holds for a restore, and how far an earlier restore came."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from stock_ops.repository.manifest import Manifest
from stock_ops.repository.marks import NamedMark
from stock_ops.repository.wal import timeline_of


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
    """Text of each timeline's history."""
    marks: tuple[NamedMark, ...]
    last_commit: datetime | None = None
    """Of the newest timeline; None where it was not looked for."""

    @property
    def timeline(self) -> int:
        """The newest timeline."""
        of_segments = (timeline_of(segment) for segment in self.whole | self.partial)
        of_backups = (backup.timeline for backup in self.backups)
        return max((*self.histories, *of_segments, *of_backups), default=1)
