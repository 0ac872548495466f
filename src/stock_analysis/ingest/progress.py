"""How an import shows itself: a bar on a terminal, plain lines elsewhere."""

import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from stock_analysis.domain.bars import PRICE_COLUMNS
from stock_analysis.domain.errors import UnavailableError
from stock_analysis.ingest.preview import Preview
from stock_analysis.ingest.rows import Report, Run, Stated
from stock_analysis.kit.terminal import printable


class _Pace:
    """Rows a second of the import that runs now."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._first = 0

    def restart(self, rows_done: int) -> None:
        """A new import, with so many rows done before."""
        self._since, self._first = time.monotonic(), rows_done

    def per_second(self, rows_done: int) -> float:
        """Rows a second so far."""
        return (rows_done - self._first) / max(time.monotonic() - self._since, 1e-9)


class LineProgress:
    """A line on standard error for every batch that is safe: printed after the commit, never before."""

    def __init__(self) -> None:
        self._pace = _Pace()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def started(self, run: Run) -> None:
        """An import begins, or goes on."""
        self._pace.restart(run.rows_done)
        if run.rows_done:
            _say(f"{run.source}: goes on after row {run.rows_done:,}")

    def reading(self, run: Run, stated: Sequence[Stated]) -> None:
        """How the source is read."""
        for line in reading_lines(run.source, stated):
            _say(line)

    def advanced(self, run: Run) -> None:
        """More rows are safe."""
        pace = self._pace.per_second(run.rows_done)
        _say(f"{run.source}: {run.rows_done:,} of {run.rows_total:,} rows safe, {pace:,.0f} rows/s")

    def waiting(self, error: UnavailableError, delay_s: float) -> None:
        """The store is away."""
        _say(f"{error}; trying again in {delay_s:.1f} s")


class BarProgress:
    """A progress bar with rows/s and the time left."""

    def __init__(self) -> None:
        self._pace = _Pace()
        self._task = TaskID(0)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def started(self, run: Run) -> None:
        """An import begins, or goes on."""
        self._pace.restart(run.rows_done)
        if self._progress.tasks:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(
            printable(run.source), total=max(run.rows_total, 1), completed=run.rows_done, note=""
        )

    def reading(self, run: Run, stated: Sequence[Stated]) -> None:
        """How the source is read."""
        for line in reading_lines(run.source, stated):
            self._progress.console.print(Text(printable(line, longest=500)))

    def advanced(self, run: Run) -> None:
        """More rows are safe."""
        note = f"{self._pace.per_second(run.rows_done):,.0f} rows/s"
        self._progress.update(self._task, total=run.rows_total, completed=run.rows_done, note=note)

    def waiting(self, error: UnavailableError, delay_s: float) -> None:
        """The store is away."""
        self._progress.update(self._task, note=f"{error.part} is away, next try in {delay_s:.1f} s")


def open_progress() -> LineProgress | BarProgress:
    """A bar where a person watches."""
    return BarProgress() if sys.stderr.isatty() else LineProgress()


def reading_lines(source: str, stated: Sequence[Stated]) -> list[str]:
    """How a source is read, for a terminal."""
    width = max(min(shutil.get_terminal_size().columns, 100), 40)
    margin = 2 + max((len(one.what) for one in stated), default=0) + 2
    lines = [f"{source} is read as:"]
    for one in stated:
        how = "given" if one.given else f"assumed: {one.why}" if one.why else "assumed"
        text = f"{one.value} ({how})"
        lines += textwrap.wrap(
            text,
            width,
            initial_indent=f"  {one.what}".ljust(margin),
            subsequent_indent=" " * margin,
            break_on_hyphens=False,
        )
    return lines


def preview_lines(preview: Preview) -> list[str]:
    """A dry run, for a terminal: how the source is read, and its first rows as they would be stored."""
    head = ["", "time", *PRICE_COLUMNS, ""]
    rows = [
        head,
        *([one.symbol, one.when, *_short(one.values), ", ".join(one.reasons)] for one in preview.rows),
    ]
    if len({one.symbol for one in preview.rows}) < 2:
        rows = [row[1:] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(cell.rjust(width) for cell, width in zip(row[:-1], widths, strict=False)) for row in rows
    ]
    lines = [f"{line}  {row[-1]}".rstrip() for line, row in zip(table, rows, strict=True)]
    return [printable(line, longest=500) for line in [*reading_lines(preview.source, preview.stated), *lines]]


def _short(values: Sequence[float]) -> list[str]:
    return [f"{value:.10g}" for value in values]


def preview_as_json(preview: Preview) -> dict[str, object]:
    """A dry run, for programs."""
    return {
        "source": preview.source,
        "reading": [asdict(one) for one in preview.stated],
        "rows": [asdict(one) for one in preview.rows],
    }


def summary(report: Report) -> str:
    """What one import came to, in words."""
    counts = report.run.counts
    pace = f", {report.rows_here / report.seconds:,.0f} rows/s" if report.seconds else ""
    lines = [
        f"{report.run.source}: {counts.rows:,} rows read: {counts.accepted:,} accepted, "
        f"{counts.unchanged:,} unchanged, {counts.corrected:,} corrected, {counts.quarantined:,} quarantined"
        f"{pace}"
    ]
    if report.created:
        shown = ", ".join(report.created[:5]) + (", ..." if len(report.created) > 5 else "")
        lines.append(f"  new instruments: {len(report.created)} ({shown})")
    if counts.quarantined:
        by_reason = ", ".join(f"{name} {count:,}" for name, count in sorted(report.reasons.items()))
        which = "" if report.rows_here >= counts.rows else ", since it was taken up again"
        lines.append(f"  quarantined by reason{which}: {by_reason or 'none'}")
    lines += [f"  {one}" for one in report.notes]
    lines += [f"  warning: {one}" for one in report.warnings]
    return "\n".join(printable(line, longest=500) for line in lines)


def as_json(report: Report) -> dict[str, object]:
    """What one import came to, for programs."""
    counts = report.run.counts
    return {
        "id": str(report.run.id),
        "source": report.run.source,
        "interval": report.run.interval,
        "status": report.run.status,
        "rows": counts.rows,
        "accepted": counts.accepted,
        "unchanged": counts.unchanged,
        "corrected": counts.corrected,
        "quarantined": counts.quarantined,
        "reasons": report.reasons,
        "created": report.created,
        "reading": [asdict(one) for one in report.reading],
        "notes": report.notes,
        "warnings": report.warnings,
        "rows_this_time": report.rows_here,
        "seconds": round(report.seconds, 3),
    }


def _say(line: str) -> None:
    sys.stderr.write(printable(line, longest=500) + "\n")
    sys.stderr.flush()
