"""The answers that the gateway composes itself."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field


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


class Operations(BaseModel):
    """State of the platform. What cannot be had now is null; the parts say why."""

    version: str
    uptime_s: float
    target: str
    parts: list[Part]
    database: DatabaseUse | None
    cache: CacheUse | None
    last_import: LastImport | None
