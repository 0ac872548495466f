"""Keep a drill's journal: written whole around each check, so that a killed drill tells how far it came."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from stock_ops.drill.facts.drills import is_drill_id, report_file
from stock_ops.drill.plans.journal import (
    KEPT,
    Figure,
    Journal,
    begun,
    dump_journal,
    failed,
    finished,
    passed,
    unsteady,
)
from stock_ops.drill.plans.report import drill_report
from stock_ops.kit.driver import DRIVER_ERRORS
from stock_ops.kit.errors import OpsError, PartError
from stock_ops.kit.files import write_whole
from stock_ops.kit.report import Report
from stock_ops.kit.wanted import NewFile
from stock_ops.local.facts.unfinished import journal_file


@dataclass(frozen=True, slots=True)
class Found:
    """The finding of a check that passed."""

    words: str
    figures: Mapping[str, Figure] = field(default_factory=dict)


class Recorder:
    """One drill and its folder."""

    def __init__(self, folder: Path, journal: Journal, report: Report) -> None:
        self._folder, self._report = folder, report
        self.journal = journal
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write()

    def change(self, journal: Journal) -> None:
        """Something is known now."""
        self.journal = journal
        self._write()

    def check(self, name: str, work: Callable[[], Found]) -> bool:
        """Make a check. Whether it passed; why it did not stands in the journal."""
        return self._make(name, work, lambda error: failed(self.journal, name, now(), error))

    def steady(self, name: str, work: Callable[[], Found]) -> bool:
        """Make a check without which a drill cannot begin. Whether it passed; else the drill has not run."""
        return self._make(name, work, lambda error: unsteady(self.journal, name, error))

    def _make(self, name: str, work: Callable[[], Found], ended: Callable[[OpsError], Journal]) -> bool:
        check = self.journal.check(name)
        self.change(begun(self.journal, name, now()))
        try:
            with self._report.step(check.label, check.title, quiet=False), _in_words():
                found = work()
        except OpsError as error:
            self.change(ended(error))
            return False
        self.change(passed(self.journal, name, now(), found.words, found.figures))
        return True

    def finish(self) -> Path:
        """The drill is over: its end and its report. The folders of old drills go."""
        self.change(finished(self.journal, now()))
        report = report_file(self._folder)
        write_whole(NewFile(report, drill_report(self.journal)))
        remove_old(self._folder)
        return report

    def _write(self) -> None:
        write_whole(NewFile(journal_file(self._folder), dump_journal(self.journal)))


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (OSError, *DRIVER_ERRORS) as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise PartError(
            f"It could not be made: {told}.", "Correct that, then run the drill again."
        ) from error


def remove_old(folder: Path) -> None:
    """Remove the folders of all drills but the newest; this one stays, whatever the clock says."""
    others = sorted(entry for entry in folder.parent.iterdir() if is_drill_id(entry.name) and entry != folder)
    for old in others[: -(KEPT - 1)]:
        shutil.rmtree(old)


def now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)
