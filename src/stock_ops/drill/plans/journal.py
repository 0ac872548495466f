"""The journal of a drill: its checks, their findings, and whether the drill passed. Pure.

Steady state, method, steady state, rollback. A drill has passed only if each of its checks ran and passed.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from stock_ops.drill.facts.drills import Outcome
from stock_ops.kit.errors import OpsError

Phase = Literal["before", "method", "damage", "after", "rollback"]
Figure = int | float | str

RPO_LIMIT_S = 60.0
"""The heartbeat is written every 2 s, the log shipped every second. A minute leaves room for a busy machine;
what takes longer is no delay but an archive that has stopped."""
KEPT = 100
"""So many drills keep their folder."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a drill finds out."""

    name: str
    label: str
    """In two words."""
    title: str
    """The claim."""
    phase: Phase
    outcome: Outcome = "not_run"
    started_at: datetime | None = None
    seconds: float | None = None
    found: str = ""
    """The finding; why it failed, or why it did not run."""
    todo: str = ""
    """The operator's next step."""
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Times:
    """The moments that the picture shows."""

    marked_at: datetime | None = None
    """Data of the backup without any log."""
    begun_at: datetime | None = None
    """The restore begins."""
    beat_at: datetime | None = None
    """The newest heartbeat that was recovered."""
    read_at: datetime | None = None
    """The last of the log was read: what was committed later could not come back, as if all had been lost."""
    restored_at: datetime | None = None
    """The database was recovered, and took writes."""
    chart_at: datetime | None = None
    """The platform had answered with the first correct chart."""

    @property
    def rpo_s(self) -> float | None:
        """Age of the newest heartbeat that was recovered, when the log was read."""
        return _between(self.beat_at, self.read_at)

    @property
    def rto_s(self) -> float | None:
        """From the beginning of the restore to the first correct chart."""
        return _between(self.begun_at, self.chart_at)


@dataclass(frozen=True, slots=True)
class Journal:
    """A drill, from its first moment on; each change is written down before the next step is taken."""

    id: str
    sabotage: bool
    storage: str
    scratch: str
    """Folder of the scratch instance; cleared by the next drill or start if this process dies."""
    pid: int
    pid_since: float
    """Epoch seconds; tells the process from a later one of the same number."""
    started_at: datetime
    checks: tuple[Check, ...]
    backup: str = ""
    chain: tuple[str, ...] = ()
    times: Times = field(default_factory=Times)
    finished_at: datetime | None = None
    obstacle: str = ""
    """Why the drill could not begin, or was stopped."""
    todo: str = ""

    @property
    def outcome(self) -> Outcome:
        """How it ended. One that goes on, was stopped or cut off has not run, unless a check has failed."""
        if self.finished_at is None:
            return "not_run"
        if any(check.outcome == "failed" for check in self.checks):
            return "failed"
        if self.obstacle:
            return "not_run"
        return "passed" if self.checks and all(one.outcome == "passed" for one in self.checks) else "failed"

    def check(self, name: str) -> Check:
        """The check of that name."""
        return next(check for check in self.checks if check.name == name)

    @property
    def seconds(self) -> float | None:
        """How long the drill took."""
        return _between(self.started_at, self.finished_at)


BEFORE = (
    Check("platform", "Live platform", "The live platform answers", "before"),
    Check("heartbeat", "Heartbeat", "The heartbeat beats", "before"),
)
RESTORE = (
    Check("backup", "Backup", "The backup is fetched, opened and whole", "method"),
    Check("log", "Log", "The write-ahead log since then is there", "method"),
    Check("content", "Content", "Every table matches its measurement at the backup", "method"),
    Check("recovery", "Recovery", "The database recovers to the latest point", "method"),
)
DATA = (
    Check("read_paths", "Chart", "The platform draws a correct chart from it", "method"),
    Check("freshness", "Freshness", "The data loss is within the limit", "method"),
    Check("structure", "Structure", "Tables, indexes and views are as they were", "method"),
    Check("constraints", "Constraints", "Every constraint holds, foreign keys too", "method"),
    Check("indexes", "Indexes", "Every index finds every row", "method"),
)
DUMP = (Check("dump", "Dump", "The logical dump loads and matches the manifest", "method"),)
NOTE = (Check("note", "Note", "The storage remembers that this backup was restored", "method"),)
AFTER = (
    Check("platform_after", "Live again", "The live platform answers as before", "after"),
    Check("clean_up", "Clean up", "Nothing of the drill is left over", "rollback"),
)
CHECKS = (*BEFORE, *RESTORE, *DATA, *DUMP, *NOTE, *AFTER)


def begun(journal: Journal, name: str, at: datetime) -> Journal:
    """The check begins."""
    return _with(journal, replace(journal.check(name), started_at=at))


def passed(journal: Journal, name: str, at: datetime, found: str, figures: Mapping[str, Figure]) -> Journal:
    """The check found what it should."""
    check = replace(journal.check(name), outcome="passed", found=found, figures=dict(figures))
    return _with(journal, replace(check, seconds=_between(check.started_at, at)))


def failed(journal: Journal, name: str, at: datetime, error: OpsError) -> Journal:
    """The check found something else."""
    check = replace(journal.check(name), outcome="failed", found=error.why, todo=error.todo)
    return _with(journal, replace(check, seconds=_between(check.started_at, at)))


def unsteady(journal: Journal, name: str, error: OpsError) -> Journal:
    """What a drill needs to begin is not there: neither check nor drill has failed, they did not run."""
    check = replace(journal.check(name), outcome="not_run", found=error.why, todo=error.todo)
    return hindered(_with(journal, check), error)


def without(journal: Journal, names: Iterable[str]) -> Journal:
    """The drill has nothing to check there."""
    return replace(journal, checks=tuple(check for check in journal.checks if check.name not in names))


def hindered(journal: Journal, error: OpsError) -> Journal:
    """The drill could not begin, or was stopped."""
    return replace(journal, obstacle=error.why, todo=error.todo)


def finished(journal: Journal, at: datetime) -> Journal:
    """The drill is over."""
    return replace(journal, finished_at=at)


def summary(journal: Journal) -> str:
    """How it ended, in one line."""
    if journal.outcome == "not_run":
        return f"not run: {journal.obstacle}" if journal.obstacle else "not run to its end"
    if journal.outcome == "passed":
        return f"passed, all {len(journal.checks)} checks"
    bad = [check for check in journal.checks if check.outcome == "failed"]
    rest = sum(check.outcome == "not_run" for check in journal.checks)
    told = f"failed, {len(bad)} of {len(journal.checks)} checks"
    return f"{told}, {rest} more did not run" if rest else told


def dump_journal(journal: Journal) -> str:
    """The text of journal.json."""
    body = {
        "id": journal.id,
        "started_at": journal.started_at,
        "finished_at": journal.finished_at,
        "outcome": journal.outcome,
        "sabotage": journal.sabotage,
        "rpo_s": None if journal.sabotage else journal.times.rpo_s,
        "rto_s": None if journal.sabotage else journal.times.rto_s,
        "summary": summary(journal),
        "obstacle": journal.obstacle,
        "todo": journal.todo,
        "storage": journal.storage,
        "scratch": journal.scratch,
        "pid": journal.pid,
        "pid_since": journal.pid_since,
        "backup": journal.backup or None,
        "chain": journal.chain,
        "times": asdict(journal.times),
        "checks": [asdict(check) for check in journal.checks],
    }
    return json.dumps(body, indent=1, ensure_ascii=False, default=_plain) + "\n"


def _with(journal: Journal, check: Check) -> Journal:
    checks = tuple(check if one.name == check.name else one for one in journal.checks)
    return replace(journal, checks=checks)


def _between(first: datetime | None, last: datetime | None) -> float | None:
    if first is None or last is None:
        return None
    return round(max(0.0, (last - first).total_seconds()), 3)


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a journal")
