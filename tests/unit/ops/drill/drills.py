"""Builders of drills: one in which every check passed, and changes to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from stock_ops.drill.plans.journal import CHECKS, Journal, Times, begun, failed, finished, passed
from stock_ops.kit.errors import OpsError

BEGIN = datetime(2026, 11, 25, 3, 15, tzinfo=UTC)


def after(seconds: float) -> datetime:
    """A moment of the drill."""
    return BEGIN + timedelta(seconds=seconds)


def fresh() -> Journal:
    """A drill that has just begun."""
    return Journal(
        id="20261125T031500Z",
        sabotage=False,
        storage="/srv/backups",
        scratch="/data/stocks/scratch/drill-20261125T031500Z",
        pid=4_000_000,
        pid_since=1_800_000_000.25,
        started_at=BEGIN,
        checks=CHECKS,
        backup="20261124T031500Z-incr",
        chain=("20261122T031500Z-full", "20261124T031500Z-incr"),
    )


def run(journal: Journal, *, bad: str | None = None, until: str | None = None) -> Journal:
    """Each check runs for a second and passes; but `bad` fails, and `until` and what follows do not run."""
    for number, check in enumerate(journal.checks):
        if check.name == until:
            break
        journal = begun(journal, check.name, after(number))
        end = after(number + 1)
        if check.name == bad:
            journal = failed(journal, check.name, end, OpsError("It is broken.", "Mend it."))
        else:
            journal = passed(journal, check.name, end, "as it should be", {"rows": 1_234_567, "tables": 9})
    return journal


def whole(*, bad: str | None = None) -> Journal:
    """A drill that came to its end."""
    times = Times(after(-86_400), after(2.5), after(1.0), after(3.0), after(6), after(7.75))
    return finished(replace(run(fresh(), bad=bad), times=times), after(15))
