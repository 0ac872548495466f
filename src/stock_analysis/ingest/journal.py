"""What imports changed, kept small as keys and replaced values; and how it is taken back."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np

from stock_analysis.domain.bars import PRICE_COLUMNS, BoolArray, FloatArray, IntArray
from stock_analysis.ingest.rows import BAR, Rows

KEY = np.dtype([("instrument", "<i8"), ("t", "<i8")])
"""Which bar: instrument id and t as of Bars."""


def keys_of(bars: Rows) -> Rows:
    """The KEYs of rows with instrument and t."""
    found = np.empty(len(bars), KEY)
    for name in KEY.names or ():
        found[name] = bars[name]
    return found


def _no_keys() -> Rows:
    return np.empty(0, KEY)


def _no_bars() -> Rows:
    return np.empty(0, BAR)


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction did to the bars of one interval; each part ascending by instrument and time.

    inserted: KEYs of bars that were not there. equal: KEYs of bars that were there with the same values.
    corrected, removed: BARs as they were before. Inserted, equal and corrected ones are the run's claims.
    """

    inserted: Rows = field(default_factory=_no_keys)
    equal: Rows = field(default_factory=_no_keys)
    corrected: Rows = field(default_factory=_no_bars)
    removed: Rows = field(default_factory=_no_bars)

    @property
    def parts(self) -> tuple[Rows, Rows, Rows, Rows]:
        """All parts in their order."""
        return self.inserted, self.equal, self.corrected, self.removed

    @property
    def instruments(self) -> list[int]:
        """Whose bars they are, ascending."""
        ids = np.unique(np.concatenate([part["instrument"] for part in self.parts]))
        return [int(one) for one in ids]


def pack(change: Change) -> bytes:
    """A change as bytes: differences of the keys compress to little more than nothing."""
    columns = [np.array([len(part) for part in change.parts], "<i8").tobytes()]
    for part in change.parts:
        columns += [np.diff(part[name], prepend=0).astype("<i8").tobytes() for name in KEY.names or ()]
    for part in (change.corrected, change.removed):
        columns += [part[name].astype("<f8").tobytes() for name in PRICE_COLUMNS]
    return zlib.compress(b"".join(columns), level=1)


def unpack(data: bytes) -> Change:
    """The change that pack() wrote."""
    numbers = np.frombuffer(zlib.decompress(data), "<i8")
    sizes, place = numbers[:4].tolist(), 4
    parts = [np.empty(size, KEY if number < 2 else BAR) for number, size in enumerate(sizes)]
    for part in parts:
        for name in KEY.names or ():
            part[name] = np.cumsum(numbers[place : place + len(part)])
            place += len(part)
    for part in parts[2:]:
        for name in PRICE_COLUMNS:
            part[name] = numbers[place : place + len(part)].view("<f8")
            place += len(part)
    return Change(*parts)


def moved(change: Change, old: int, new: int, held: Rows) -> Change:
    """The change as if an instrument's bars had always been another one's, without the KEYs it holds."""

    def of_new(part: Rows) -> Rows:
        part = part.copy()
        is_old = part["instrument"] == old
        part["instrument"][is_old] = new
        part = part[~(is_old & np.isin(keys_of(part), held))]
        return part[np.unique(keys_of(part), return_index=True)[1]]

    return Change(*map(of_new, change.parts))


@dataclass(frozen=True, slots=True)
class Entry:
    """One change as recorded. is_claim: whether it is an import's that still stands, and no taking back."""

    run_id: UUID
    is_claim: bool
    change: Change


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What taking a run back does to bars. removed: BARs as stored. restored: BARs as they become.

    change: the same for the journal. stays: how many bars of the run remain, by the run that has them, too;
    None = they were there before anything was recorded.
    """

    removed: Rows
    restored: Rows
    change: Change
    stays: Mapping[UUID | None, int]


def take_back(run_id: UUID, stored: Rows, entries: Sequence[Entry]) -> TakenBack:
    """What is to be done so that the bars are as if the run had never been.

    stored: BARs as they are, ascending, at least those that the run has ever claimed. entries: all changes of
    these instruments, the newest first. Walks back through them: the newest claim of another run that stands
    says what a bar should be, else what was there before all of them.
    """
    keys = _claimed(run_id, entries)
    now = _State.of(keys, stored)
    past, wanted = now.copy(), _State.nothing(len(keys))
    decided, holder = np.zeros(len(keys), np.bool_), np.full(len(keys), -1, np.int64)
    for number, entry in enumerate(entries):
        inserted, equal, corrected, removed = entry.change.parts
        if entry.is_claim and entry.run_id != run_id:
            for part in (inserted, equal, corrected):
                place, _ = _places(keys, part)
                fresh = place[~decided[place]]
                wanted.take(fresh, past)
                decided[fresh], holder[fresh] = True, number
        place, _ = _places(keys, inserted)
        past.exists[place] = False
        for part in (corrected, removed):
            place, rows = _places(keys, part)
            past.exists[place], past.values[place] = True, _values(part[rows])
    wanted.take(np.flatnonzero(~decided), past)
    return _outcome(keys, now, wanted, _holders(holder[wanted.exists], entries))


def _outcome(keys: Rows, now: "_State", wanted: "_State", stays: Mapping[UUID | None, int]) -> TakenBack:
    removed = now.exists & ~wanted.exists
    differs = (now.values != wanted.values).any(axis=1)
    restored = wanted.exists & (~now.exists | differs)
    was_there = restored & now.exists
    return TakenBack(
        now.bars(keys, removed),
        wanted.bars(keys, restored),
        Change(
            inserted=keys[restored & ~now.exists],
            corrected=now.bars(keys, was_there),
            removed=now.bars(keys, removed),
        ),
        stays,
    )


def _holders(holder: IntArray, entries: Sequence[Entry]) -> dict[UUID | None, int]:
    found: dict[UUID | None, int] = {}
    for number, count in zip(*np.unique(holder, return_counts=True), strict=True):
        run = None if number < 0 else entries[int(number)].run_id
        found[run] = found.get(run, 0) + int(count)
    return found


@dataclass
class _State:
    """Whether each bar is there, and its values."""

    exists: BoolArray
    values: FloatArray

    @classmethod
    def nothing(cls, size: int) -> "_State":
        return cls(np.zeros(size, np.bool_), np.zeros((size, len(PRICE_COLUMNS))))

    @classmethod
    def of(cls, keys: Rows, stored: Rows) -> "_State":
        state = cls.nothing(len(keys))
        place, rows = _places(keys, stored)
        state.exists[place], state.values[place] = True, _values(stored[rows])
        return state

    def copy(self) -> "_State":
        return _State(self.exists.copy(), self.values.copy())

    def take(self, rows: IntArray, other: "_State") -> None:
        self.exists[rows], self.values[rows] = other.exists[rows], other.values[rows]

    def bars(self, keys: Rows, rows: BoolArray) -> Rows:
        found = np.empty(int(rows.sum()), BAR)
        for name in KEY.names or ():
            found[name] = keys[name][rows]
        for column, name in enumerate(PRICE_COLUMNS):
            found[name] = self.values[rows, column]
        return found


def _claimed(run_id: UUID, entries: Iterable[Entry]) -> Rows:
    own = [keys_of(part) for entry in entries if entry.run_id == run_id for part in entry.change.parts]
    return np.unique(np.concatenate([_no_keys(), *own]))


def _places(keys: Rows, part: Rows) -> tuple[IntArray, IntArray]:
    """Where the rows of a part stand among the keys, and which rows those are."""
    if not len(keys) or not len(part):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    wanted = keys_of(part)
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    rows = np.flatnonzero(keys[place] == wanted)
    return place[rows], rows


def _values(bars: Rows) -> FloatArray:
    return np.stack([bars[name] for name in PRICE_COLUMNS], axis=1) if len(bars) else np.empty((0, 5))
