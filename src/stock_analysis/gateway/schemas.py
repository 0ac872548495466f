"""The answers that the gateway composes itself."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field


class Part(BaseModel):
    """One part of the platform, and why it does not do its work."""

    name: str
    healthy: bool
    reason: str | None
    version: str | None
    latency_ms: float


class DatabaseUse(BaseModel):
    """Size and contents of the database."""

    size_bytes: int
    bars: int
    instruments: int
    quarantined: Annotated[int, Field(description="Rows that the quality gate keeps aside.")]


class CacheUse(BaseModel):
    """Look-ups of ready answers since the stock-service began; hit_rate is null before the first."""

    hits: int
    misses: int
    hit_rate: float | None


class LastImport(BaseModel):
    """The import that began last."""

    id: str
    source: str
    status: Literal["running", "done", "failed"]
    started_at: datetime
    finished_at: datetime | None
    rows_total: int
    rows_done: int
    accepted: int
    unchanged: int
    corrected: int
    quarantined: int
    error: str | None


class Finding(BaseModel):
    """Something to act on, or to know; runbook is what an operator types to read what to do."""

    severity: Literal["critical", "warning", "info"]
    kind: str
    why: str
    todo: str
    runbook: str


class Verdict(BaseModel):
    """Whether all is well: as bad as the worst finding; what is only good to know leaves all well."""

    state: Literal["ok", "warning", "critical"]
    headline: str
    findings: list[Finding]


class Operations(BaseModel):
    """State of the platform. What cannot be had now is null; the parts say why."""

    version: str
    uptime_s: float
    target: str
    parts: list[Part]
    database: DatabaseUse | None
    cache: CacheUse | None
    last_import: LastImport | None
    backups_managed: Annotated[bool, Field(description="Whether /api/v1/operations/backups has an answer.")]
    verdict: Annotated[
        Verdict,
        Field(description="That of the operations, with the parts that are unhealthy here."),
    ]


class Storage(BaseModel):
    """Where the backups lie, without secrets; free_bytes is null where the storage does not tell."""

    where: str
    used_bytes: Annotated[
        int | None, Field(description="null: it could not be looked at yet, and lists no backups.")
    ]
    free_bytes: int | None


class Backup(BaseModel):
    """One backup; a restore of it alone gives the data as they were at mark_at."""

    id: str
    kind: Literal["full", "incr"]
    finished_at: AwareDatetime
    mark_at: AwareDatetime
    size_bytes: Annotated[int, Field(description="What it takes in the storage: compressed, encrypted.")]
    duration_s: float
    verified_at: Annotated[
        AwareDatetime | None, Field(description="When it was last read back and found whole.")
    ]


class Gap(BaseModel):
    """A time that no restore reaches; both ends can be restored."""

    after: AwareDatetime
    before: AwareDatetime


class Recoverable(BaseModel):
    """Any instant from the first to the last point can be restored, but for the gaps; null: none yet."""

    first_point: AwareDatetime | None
    last_point: AwareDatetime | None
    gaps: list[Gap]


class Archive(BaseModel):
    """Continuous archiving of the write-ahead log (WAL)."""

    streaming: bool
    shipped_lsn: str | None
    lag_s: Annotated[
        float | None, Field(description="Age of what was committed last and is not in the storage yet.")
    ]
    slot_retained_bytes: Annotated[
        int | None, Field(description="WAL that the server keeps until it is in the storage.")
    ]
    wal_status: Annotated[str | None, Field(description="As pg_replication_slots shows it: lost = a gap.")]
    last_error: str | None


class Retention(BaseModel):
    """How long backups are kept: both rules hold, and the last verified backup is never deleted."""

    keep_days: int
    keep_full: int
    full_every_days: int
    drill_every_days: int


class Schedule(BaseModel):
    """When the next ones are due."""

    next_backup_at: AwareDatetime | None
    next_drill_at: AwareDatetime | None


class Drill(BaseModel):
    """A rehearsed restore. rpo_s: age of the last row recovered; rto_s: how long the restore took."""

    id: str
    started_at: AwareDatetime
    outcome: Literal["passed", "failed", "not_run"]
    rpo_s: float | None
    rto_s: float | None


class Disk(BaseModel):
    """A file system that the data lie on; total_inodes is 0 where it has no such limit."""

    folder: str
    free_bytes: int
    total_bytes: int
    free_inodes: int
    total_inodes: int
    full_in_s: Annotated[float | None, Field(description="If it fills as it did; null: it does not.")]
    seen_s: Annotated[float, Field(description="How long it was watched for that.")]


class BackupWarning(BaseModel):
    """Something to act on. kind names the runbook: docs/runbooks/<kind>.md."""

    severity: Literal["critical", "warning", "info"]
    kind: str
    why: str
    todo: str


class BackupCopy(BaseModel):
    """A copy of the storage, which is shipped to after the first; null: not known."""

    name: str
    where: str
    backups: Annotated[int | None, Field(description="Those that can be restored from it.")]
    newest_at: Annotated[AwareDatetime | None, Field(description="End of the newest of them.")]
    verified_at: Annotated[
        AwareDatetime | None, Field(description="When one was last read back and found whole.")
    ]
    lag_s: Annotated[float | None, Field(description="Age of the oldest log that is not there.")]
    last_point: Annotated[AwareDatetime | None, Field(description="What was committed before is there.")]
    pending_bytes: Annotated[int | None, Field(description="What it lacked when it was compared last.")]
    used_bytes: int | None
    free_bytes: int | None
    trouble: Annotated[str | None, Field(description="Why it cannot be written to.")]


class Backups(BaseModel):
    """State of the backups, lists oldest first."""

    storage: Storage
    backups: list[Backup]
    wal: Recoverable
    archive: Archive
    retention: Retention
    schedule: Schedule
    copies: Annotated[list[BackupCopy], Field(default_factory=list)]
    drills: list[Drill]
    verdict: Verdict
    disks: list[Disk]
    warnings: list[BackupWarning]
