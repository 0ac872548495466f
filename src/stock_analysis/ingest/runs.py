"""Imports that were made: listed, and taken back as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np

from stock_analysis.domain.actions import ActionKey
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.journal import KEY, Entry, TakenBack, take_back
from stock_analysis.ingest.ports import ActionGroups
from stock_analysis.ingest.rows import RANGE, Rows
from stock_analysis.ingest.runs_repository import (
    ActionEntry,
    PostgresRunStore,
    RunRecord,
    RunWriter,
    Terms,
    TermsEntry,
)
from stock_analysis.ingest.terms import TERMS

NEWEST = "last"


@dataclass
class Undone:
    """What taking back a run came to.

    removed, restored: bars that went, and that got back their values from before. stays: bars that remain,
    by the source of the import that has them, too. actions: groups of actions that went or are as before.
    terms: by symbol, what the prices are said to be again.
    """

    source: str
    removed: int = 0
    restored: int = 0
    stays: dict[str, int] = field(default_factory=dict)
    actions: int = 0
    actions_stay: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    instruments: list[str] = field(default_factory=list)
    terms: dict[str, str] = field(default_factory=dict)


class RunService:
    """What can be done with imports that were made."""

    def __init__(self, store: PostgresRunStore) -> None:
        self._store = store

    async def list(self, limit: int) -> Sequence[RunRecord]:
        """The newest imports, the newest first."""
        return await self._store.runs(None, limit)

    async def find(self, text: str) -> RunRecord:
        """The import that the first characters of an id mean, or `last`. Raises InvalidInputError."""
        if text == NEWEST:
            found = await self._store.runs(None, 1)
        else:
            found = await self._store.runs(_prefix(text), 2)
        if len(found) != 1:
            what = "several imports begin" if found else "no import begins"
            raise InvalidInputError(f"{what} with {text[:40]!r}; `stock-analysis runs list` shows them")
        return found[0]

    async def undo(self, text: str) -> Undone:
        """Take an import back: all is as if it had never been, in one transaction.

        What other imports have, too, or corrected later, stays as theirs. Raises InvalidInputError if there
        is no such import, it was taken back before, or what it changed is not recorded.
        """
        record = await self.find(text)
        run_id = record.run.id
        async with self._store.transaction() as writer:
            run = await writer.lock(run_id)
            if run.status == "undone":
                raise InvalidInputError(f"the import of {run.source} was taken back before")
            if run.has_landed and not run.is_recorded:
                raise InvalidInputError(
                    f"the import of {run.source} is older than the record of what imports change and cannot "
                    "be taken back; import a corrected file, or see `stock-analysis instrument delete`"
                )
            instruments = await writer.touched(run_id)
            undone, holders = Undone(run.source), dict[UUID | None, int]()
            for interval in (Interval.D1, Interval.M1):
                entries = await writer.changes(sorted(instruments), interval)
                taken = await self._take_back(writer, run_id, interval, entries)
                undone.removed += len(taken.removed)
                undone.restored += len(taken.restored)
                for holder, count in taken.stays.items():
                    holders[holder] = holders.get(holder, 0) + count
            await self._take_back_actions(writer, run_id, sorted(instruments), undone)
            undone.terms = await _take_back_terms(writer, run_id, instruments)
            undone.quarantined = await writer.drop_aside(run_id, run.sha256)
            await writer.bump(sorted(instruments))
            undone.instruments = await writer.drop_unclaimed(run_id, sorted(instruments))
            undone.stays = await _named(writer, holders)
            await writer.mark_undone(run_id)
        return undone

    async def _take_back(
        self, writer: RunWriter, run_id: UUID, interval: Interval, entries: Sequence[Entry]
    ) -> TakenBack:
        stored = await writer.stored(interval, _spans(run_id, entries), 0)
        taken = take_back(run_id, stored, entries)
        await writer.delete_bars(interval, taken.removed)
        is_new = np.isin(taken.restored[list(KEY.names or ())], taken.change.inserted)
        if is_new.any():
            await writer.insert(interval, taken.restored[is_new])
        if (~is_new).any():
            await writer.correct(interval, taken.restored[~is_new])
        await writer.journal_undo(run_id, interval, taken.change)
        return taken

    async def _take_back_actions(
        self, writer: RunWriter, run_id: UUID, instruments: Sequence[int], undone: Undone
    ) -> None:
        entries = await writer.action_changes(instruments)
        keys = sorted({key for one in entries if one.run_id == run_id for key in (*one.before, *one.after)})
        now = await writer.action_groups(keys)
        wanted, holders = actions_without(run_id, now, keys, entries)
        changed = {key: rows for key, rows in wanted.items() if rows != now.get(key, [])}
        await writer.replace_actions(changed)
        before = {key: now.get(key, []) for key in changed}
        await writer.journal_undone_actions(run_id, before, changed)
        undone.actions = len(changed)
        undone.actions_stay = await _named(writer, holders)


def actions_without(
    run_id: UUID, now: ActionGroups, keys: Sequence[ActionKey], entries: Sequence[ActionEntry]
) -> tuple[ActionGroups, dict[UUID | None, int]]:
    """The actions of these instruments, days and kinds as if the run had never been; and whose stay.

    entries: all changes of them, the newest first.
    """
    wanted: ActionGroups = {}
    holders: dict[UUID | None, int] = {}
    for key in keys:
        state, holder = now.get(key, []), None
        for entry in entries:
            if key not in entry.after and key not in entry.before:
                continue
            if entry.is_claim and entry.run_id != run_id:
                holder = entry.run_id
                break
            state = entry.before.get(key, [])
        wanted[key] = state
        if state:
            holders[holder] = holders.get(holder, 0) + 1
    return wanted, holders


async def _take_back_terms(writer: RunWriter, run_id: UUID, instruments: Mapping[int, str]) -> dict[str, str]:
    now, restored = await writer.terms(list(instruments)), dict[str, str]()
    for instrument, entries in (await writer.terms_changes(list(instruments))).items():
        wanted = terms_without(run_id, now[instrument], entries) if instrument in now else None
        if wanted is not None and wanted != now[instrument]:
            await writer.restore_terms(run_id, instrument, now[instrument], wanted)
            restored[instruments[instrument]] = TERMS[wanted[0] or "none"]
    return restored


def terms_without(run_id: UUID, now: Terms, entries: Sequence[TermsEntry]) -> Terms:
    """The terms of an instrument as if the run had never been; entries: all changes, the newest first.

    What a person said after all of them stays.
    """
    if not entries or entries[0].after != now:
        return now
    state = now
    for entry in entries:
        if entry.is_claim and entry.run_id != run_id:
            break
        state = entry.before
    return state


async def _named(writer: RunWriter, holders: Mapping[UUID | None, int]) -> dict[str, int]:
    names = await writer.names([one for one in holders if one is not None])
    found: dict[str, int] = {}
    for run_id, count in holders.items():
        name = "what was there before" if run_id is None else names[run_id]
        found[name] = found.get(name, 0) + count
    return found


def _spans(run_id: UUID, entries: Sequence[Entry]) -> Rows:
    """The spans of time, by instrument, in which the run claimed bars, as RANGE."""
    own = [part[["instrument", "t"]] for one in entries if one.run_id == run_id for part in one.change.parts]
    keys = np.concatenate([np.empty(0, KEY), *(one.astype(KEY) for one in own)])
    ids = np.unique(keys["instrument"])
    found = np.empty(len(ids), RANGE)
    found["instrument"] = ids
    for row, one in enumerate(ids):
        t = keys["t"][keys["instrument"] == one]
        found["first"][row], found["last"][row] = t.min(), t.max()
    return found


def _prefix(text: str) -> str:
    if not text or not all(one in "0123456789abcdef-" for one in text.lower()):
        raise InvalidInputError(f"{text[:40]!r} is no import: its id, the first characters of it, or `last`")
    return text.lower()
