"""The price store on PostgreSQL."""

import contextlib
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from uuid import UUID, uuid4

import asyncpg
import numpy as np
import orjson

from stock_analysis.domain.actions import (
    ActionKey,
    ActionKind,
    ActionUnit,
    CorporateAction,
    group_actions,
    restate,
)
from stock_analysis.domain.bars import PRICE_COLUMNS, IntArray, Interval
from stock_analysis.domain.calendars import Changes, SessionChange
from stock_analysis.domain.errors import InvalidInputError, StockAnalysisError, UnavailableError
from stock_analysis.domain.instruments import Exchange, Instrument
from stock_analysis.ingest.forms import Adjusted
from stock_analysis.ingest.journal import Change, pack
from stock_analysis.ingest.ports import ActionGroups, StoreInterruptedError
from stock_analysis.ingest.rows import (
    BAR,
    SPLIT,
    AroundSplit,
    Counts,
    KeptAside,
    Listed,
    Numbers,
    Rejected,
    Rows,
    Run,
    Selection,
    Stated,
)
from stock_analysis.ingest.telling import Telling
from stock_analysis.kit.db import CONNECTION_ERRORS, copy_rows, fetch_rows, load_queries

SQL = load_queries("stock_analysis.ingest")
TIMEOUT_S = 300.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_S = 86_400
_PG_EPOCH_S = 946_684_800
_CHUNK_BYTES = 1 << 18

_VALUES = [(name, ">f8") for name in PRICE_COLUMNS]
_WIRE_1D = np.dtype([("instrument", ">i4"), ("t", ">i4"), *_VALUES])
_WIRE_1M = np.dtype([("instrument", ">i4"), ("t", ">i8"), *_VALUES])

# The server restarts, or another writer won a deadlock: the same call may work in a moment.
_INTERRUPTED = (*CONNECTION_ERRORS, asyncpg.TransactionRollbackError)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Errors of the driver as errors of the platform."""
    try:
        yield
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise UnavailableError("PostgreSQL", str(error)) from error
    except _INTERRUPTED as error:
        raise StoreInterruptedError("PostgreSQL", str(error) or type(error).__name__) from error
    except asyncpg.UndefinedTableError as error:
        raise UnavailableError("PostgreSQL", "it has no tables yet; run `stock-analysis migrate`") from error
    except asyncpg.InsufficientResourcesError as error:
        raise StockAnalysisError(
            f"PostgreSQL cannot take more: {error}; what was reported is safe"
        ) from error
    except asyncpg.PostgresError as error:
        raise StockAnalysisError(f"PostgreSQL refused: {error}") from error


class PostgresPriceStore:
    """Prices in PostgreSQL, read and written by binary COPY."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def exchanges(self) -> dict[str, Exchange]:
        """All exchanges by MIC."""
        with translated():
            rows = await self._pool.fetch(SQL["exchanges"])
            changes = await self._pool.fetch(SQL["calendar_changes"])
        by_calendar = {
            name: tuple(_change(one) for one in group)
            for name, group in groupby(changes, itemgetter("calendar"))
        }
        return {row["mic"]: _exchange(row, by_calendar) for row in rows}

    async def listed(self, symbols: Collection[str]) -> dict[str, Listed]:
        """The stored instruments among these symbols."""
        with translated():
            rows = await self._pool.fetch(SQL["listed"], list(symbols))
        return {row["symbol"]: Listed(**row) for row in rows}

    async def add_instruments(
        self, instruments: Sequence[Instrument], *, update: bool = False, run_id: UUID | None = None
    ) -> list[str]:
        """Store those that are missing; update: also change those that differ. Returns whom it touched.

        run_id: the import that brings them, to be recorded.
        """
        columns = [[getattr(one, name) for one in instruments] for name in Instrument.__slots__]
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                touched = await connection.fetch(SQL["add_instruments"], *columns)
                if update:
                    touched += await connection.fetch(SQL["update_instruments"], *columns)
                elif run_id is not None and touched:
                    created = [row["id"] for row in touched]
                    await connection.execute(
                        SQL["add_change"], run_id, False, None, created, created, None, None
                    )
        return [row["symbol"] for row in touched]

    async def drop_empty(self, run_id: UUID) -> list[str]:
        """Remove the instruments that this import brought and that have neither bars nor actions."""
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                created = await connection.fetch(SQL["created_by"], run_id)
                ids = [row["id"] for row in created]
                await connection.execute(SQL["lock_instruments"], ids, timeout=TIMEOUT_S)
                return [row["symbol"] for row in await connection.fetch(SQL["drop_empty"], ids)]

    async def around_splits(self, symbols: Collection[str]) -> list[AroundSplit]:
        """The prices on either side of each split of these instruments that lies among their daily bars."""
        with translated():
            rows = await self._pool.fetch(SQL["around_splits"], list(symbols))
        return [AroundSplit(**row) for row in rows]

    async def set_terms(self, symbols: Collection[str], terms: Adjusted, run_id: UUID) -> None:
        """Record what an import says is taken out of the stored prices, as of their newest bar."""
        with translated():
            await self._pool.execute(SQL["set_terms"], list(symbols), terms, run_id)

    async def note_reading(self, run_id: UUID, listing: dict[str, str], reading: Sequence[Stated]) -> None:
        """Record what the user said of new instruments, and how the source is read."""
        stated = orjson.dumps(list(reading)).decode()
        with translated():
            await self._pool.execute(SQL["note_reading"], run_id, orjson.dumps(listing).decode(), stated)

    async def listings(self, run_ids: Collection[UUID]) -> dict[UUID, dict[str, str]]:
        """What the users of these imports said of new instruments."""
        with translated():
            rows = await self._pool.fetch(SQL["listings"], list(run_ids))
        return {row["id"]: orjson.loads(row["listing"]) for row in rows}

    async def open_run(self, source: str, sha256: bytes, interval: str, rows_total: int) -> Run:
        """The newest run of the same content if it was not finished, else a new one."""
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                found = await connection.fetchrow(SQL["unfinished_run"], sha256)
                if found:
                    row = await connection.fetchrow(SQL["resume_run"], found["id"], rows_total)
                else:
                    run = (uuid4(), source, sha256, interval, rows_total)
                    row = await connection.fetchrow(SQL["add_run"], *run)
        return run_of(row)

    async def close_run(self, run_id: UUID, error: str | None = None) -> Run:
        """Record that the import is done, or why it failed."""
        with translated():
            return run_of(await self._pool.fetchrow(SQL["close_run"], run_id, error))

    async def is_done(self, sha256: bytes) -> bool:
        """Whether this content was imported to its end before."""
        with translated():
            return bool(await self._pool.fetchval(SQL["is_done"], sha256))

    async def numbers_aside(self, sha256: bytes) -> IntArray:
        """The row numbers of this content that are in the quarantine, ascending."""
        with translated():
            rows = await self._pool.fetch(SQL["numbers_aside"], sha256)
        return np.array([row[0] for row in rows], np.int64)

    async def list_aside(self, selection: Selection) -> list[KeptAside]:
        """Rows of the quarantine, by id."""
        with translated():
            rows = await self._pool.fetch(SQL["list_aside"], *_conditions(selection))
        return [_aside(row) for row in rows]

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator["PostgresPriceWriter"]:
        """A transaction, committed at the end of the block, undone if an exception leaves it."""
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                writer = PostgresPriceWriter(connection)
                yield writer
                await writer.tell()


class PostgresPriceWriter:
    """One transaction on the price store."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._telling = Telling()

    async def tell(self) -> None:
        """Put what this transaction did to bars into the outbox; the last thing before it commits."""
        await self._telling.put(self._connection)

    async def lock_run(self, run_id: UUID) -> int:
        """Keep other importers of this run away; returns its rows_done. Raises InvalidInputError if it was
        taken back."""
        done: int | None = await self._connection.fetchval(SQL["lock_run"], run_id, timeout=TIMEOUT_S)
        if done is None:
            raise InvalidInputError("this import was taken back while it ran; run it again to begin anew")
        return done

    async def lock_instruments(self, ids: Sequence[int]) -> None:
        """Keep other writers of these instruments away."""
        found = await self._connection.fetch(SQL["lock_instruments"], list(ids), timeout=TIMEOUT_S)
        if len(found) < len(ids):
            raise InvalidInputError(
                "an instrument was removed while its rows were on their way; run the same command again"
            )

    async def stored(self, interval: Interval, ranges: Rows, beside: int) -> Rows:
        """The stored bars of these RANGEs, with so many beside each, as BAR, ascending, none twice."""
        instruments = ranges["instrument"].tolist()
        ends = [bar_times(interval, ranges[name]) for name in ("first", "last")]
        wire = await fetch_rows(
            self._connection, SQL[f"stored_{interval}"], instruments, *ends, beside, columns=_wire(interval)
        )
        return _unwired(interval, wire)

    async def doubted(self, interval: Interval, ranges: Rows) -> Rows:
        """Bars in the quarantine for nothing but a jump, in the RANGEs, as BAR in any order."""
        instruments = ranges["instrument"].tolist()
        ends = [bar_times(Interval.M1, ranges[name]) for name in ("first", "last")]
        rows = await self._connection.fetch(SQL["doubted"], interval.value, instruments, *ends)
        return np.array([(row[0], _seconds(row[1]), *row[2:]) for row in rows], BAR)

    async def splits(self, ids: Collection[int]) -> Rows:
        """The splits of these instruments as SPLIT, ascending by instrument and time."""
        rows = await self._connection.fetch(SQL["splits"], list(ids))
        return np.array([(row[0], _seconds(row[1]), row[2]) for row in rows], SPLIT)

    async def insert(self, interval: Interval, bars: Rows) -> None:
        """Write new BARs; none of them may be stored yet."""
        await self._copy(f"bar_{interval}", interval, bars)
        self._telling.note(interval, "closed", bars)

    async def correct(self, interval: Interval, bars: Rows) -> None:
        """Overwrite the stored bars that have these BARs' instruments and times."""
        await self._connection.execute(SQL[f"stage_{interval}"])
        await self._copy("correction", interval, bars)
        await self._connection.execute(SQL[f"correct_{interval}"], timeout=TIMEOUT_S)
        await self._connection.execute(SQL["unstage"])
        self._telling.note(interval, "corrected", bars)

    async def put_actions(
        self, actions: Sequence[tuple[int, CorporateAction]], *, beside: bool = False
    ) -> tuple[int, int, list[int]]:
        """Write actions by instrument id, as `restate` of the domain says; their instruments are locked."""
        given = group_actions(actions)
        rows = await self._connection.fetch(SQL["actions_on"], *_columns(given))
        stored = group_actions((row["instrument_id"], _action(row)) for row in rows)
        results = {key: restate(stored.get(key, ()), group, beside=beside) for key, group in given.items()}
        touched = {key: one.actions for key, one in results.items() if one.new or one.changed}
        await self._connection.execute(SQL["drop_actions"], *_columns(touched))
        await self._connection.execute(SQL["add_actions"], *_action_columns(touched))
        new, changed = (sum(getattr(one, what) for one in results.values()) for what in ("new", "changed"))
        return new, changed, sorted({instrument_id for instrument_id, _, _ in touched})

    async def keep_aside(self, run: Run, interval: str, rows: Sequence[Rejected]) -> list[str]:
        """Write rows to the quarantine unless they are there; returns the symbols of those written."""
        written = await self._connection.fetch(
            SQL["keep_aside"],
            run.id,
            run.source,
            run.sha256,
            interval,
            [row.row_number for row in rows],
            [row.symbol for row in rows],
            [None if row.t is None else _instant(row.t) for row in rows],
            [_json(row.row) for row in rows],
            [",".join(row.reasons) for row in rows],
            *([row.values[place] for row in rows] for place in range(len(PRICE_COLUMNS))),
            timeout=TIMEOUT_S,
        )
        return [row["symbol"] for row in written]

    async def settled_aside(self, run: Run, interval: str, rows: Sequence[Rejected]) -> set[int]:
        """The numbers of those rows that are there and were replayed or dismissed."""
        found = await self._connection.fetch(
            SQL["settled_aside"],
            run.sha256,
            interval,
            [row.row_number for row in rows],
            [row.symbol for row in rows],
            [_json(row.row) for row in rows],
            *([row.values[place] for row in rows] for place in range(len(PRICE_COLUMNS))),
            timeout=TIMEOUT_S,
        )
        return {row["row_number"] for row in found}

    async def journal(self, run_id: UUID, interval: Interval, change: Change) -> None:
        """Record what this transaction does to bars."""
        await self.add_change(run_id, interval.value, change.instruments, bars=pack(change))

    async def add_change(
        self,
        run_id: UUID,
        interval: str | None,
        instruments: Sequence[int],
        *,
        bars: bytes | None = None,
        actions: str | None = None,
        is_undo: bool = False,
    ) -> None:
        """Record a change of an import, or the taking back of one."""
        await self._connection.execute(
            SQL["add_change"], run_id, is_undo, interval, list(instruments), [], bars, actions
        )

    async def action_groups(self, keys: Sequence[ActionKey]) -> ActionGroups:
        """The stored actions of each instrument, day and kind, as rows; those without any left out."""
        return await fetch_action_groups(self._connection, keys)

    async def journal_actions(self, run_id: UUID, before: ActionGroups, after: ActionGroups) -> None:
        """Record what this transaction does to actions."""
        if before or after:
            instruments = sorted({key[0] for key in (*before, *after)})
            await self.add_change(run_id, None, instruments, actions=pack_actions(before, after))

    async def advance(self, run_id: UUID, counts: Counts) -> Run:
        """Record that so many more rows are safe."""
        numbers = (counts.rows, counts.accepted, counts.unchanged, counts.corrected, counts.quarantined)
        return run_of(await self._connection.fetchrow(SQL["advance"], run_id, *numbers))

    async def bump(self, ids: Sequence[int]) -> None:
        """Give these instruments a new version."""
        await self._connection.execute(SQL["bump"], list(ids))

    async def select_aside(self, selection: Selection) -> list[KeptAside]:
        """Rows of the quarantine, by id, kept away from other writers."""
        rows = await self._connection.fetch(SQL["select_aside"], *_conditions(selection))
        return [_aside(row) for row in rows]

    async def edit_aside(self, row_id: int, row: dict[str, object], values: Numbers) -> None:
        """Replace a quarantined row, and the numbers in it, by an edited one."""
        await self._connection.execute(SQL["edit_aside"], row_id, _json(row), *values)

    async def settle_aside(self, ids: Sequence[int], state: str) -> None:
        """Close rows of the quarantine: replayed or dismissed."""
        await self._connection.execute(SQL["settle_aside"], list(ids), state)

    async def note_accepted(
        self, reasons: Mapping[int, list[str]], times: Mapping[int, int], by: str
    ) -> None:
        """Record of rows that landed why they were doubted, at which bar, and who said that they are true."""
        joined = [",".join(names) for names in reasons.values()]
        at = [_instant(times[row_id]) for row_id in reasons]
        await self._connection.execute(SQL["note_accepted"], list(reasons), joined, at, by)

    async def doubt_again(self, reasons: Mapping[int, list[str]], times: Mapping[int, int]) -> None:
        """Give rows that stay in the quarantine their reasons, and their times where known."""
        known = [_instant(times[row_id]) if row_id in times else None for row_id in reasons]
        joined = [",".join(names) for names in reasons.values()]
        await self._connection.execute(SQL["doubt_again"], list(reasons), joined, known)

    async def _copy(self, table: str, interval: Interval, bars: Rows) -> None:
        data = memoryview(copy_rows(_wire(interval), _wired(interval, bars)))

        async def chunks() -> AsyncIterator[memoryview]:
            for start in range(0, len(data), _CHUNK_BYTES):
                yield data[start : start + _CHUNK_BYTES]

        await self._connection.copy_to_table(table, source=chunks(), format="binary", timeout=TIMEOUT_S)


def _wire(interval: Interval) -> np.dtype[np.void]:
    return _WIRE_1D if interval is Interval.D1 else _WIRE_1M


def _wired(interval: Interval, bars: Rows) -> Rows:
    """BARs as PostgreSQL's binary rows: dates in days, instants in microseconds, both since 2000."""
    wire = np.empty(len(bars), _wire(interval))
    for name in ("instrument", *PRICE_COLUMNS):
        wire[name] = bars[name]
    since_2000 = bars["t"] - _PG_EPOCH_S
    wire["t"] = since_2000 // DAY_S if interval is Interval.D1 else since_2000 * 1_000_000
    return wire


def _unwired(interval: Interval, wire: Rows) -> Rows:
    bars = np.empty(len(wire), BAR)
    for name in ("instrument", *PRICE_COLUMNS):
        bars[name] = wire[name]
    ticks = wire["t"].astype(np.int64)
    bars["t"] = (ticks * DAY_S if interval is Interval.D1 else ticks // 1_000_000) + _PG_EPOCH_S
    order = np.lexsort((bars["t"], bars["instrument"]))
    bars = bars[order]
    again = (bars["instrument"][1:] == bars["instrument"][:-1]) & (bars["t"][1:] == bars["t"][:-1])
    return bars[np.append(True, ~again)] if len(bars) else bars


def bar_times(interval: Interval, t: IntArray) -> list[date] | list[datetime]:
    """Times of bars as the database has them."""
    instants = [_instant(one) for one in t.tolist()]
    return [one.date() for one in instants] if interval is Interval.D1 else instants


def _instant(t: int) -> datetime:
    return EPOCH + timedelta(seconds=t)


def _seconds(when: date | datetime) -> int:
    if not isinstance(when, datetime):
        when = datetime(when.year, when.month, when.day, tzinfo=UTC)
    return (when - EPOCH) // timedelta(seconds=1)


def _json(row: dict[str, object]) -> str:
    return orjson.dumps(row, default=str).decode()


def _conditions(selection: Selection) -> tuple[object, ...]:
    ids = None if selection.ids is None else list(selection.ids)
    return ids, selection.symbol, selection.reason, selection.state, selection.after_id, selection.limit


def _columns(keys: Iterable[ActionKey]) -> list[list[object]]:
    return [list(column) for column in zip(*keys, strict=True)] or [[], [], []]


def _action_columns(groups: Mapping[ActionKey, Sequence[CorporateAction]]) -> list[list[object]]:
    rows = [
        (*key, place, one.value, one.source, one.unit if one.kind is ActionKind.SPIN_OFF else None, one.price)
        for key, group in groups.items()
        for place, one in enumerate(group, 1)
    ]
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(8)]


def _action(row: asyncpg.Record) -> CorporateAction:
    unit = ActionUnit(row["unit"] or ActionUnit.CASH)
    kind = ActionKind(row["kind"])
    return CorporateAction(row["ex_date"], kind, row["value"], row["source"], unit, row["price"])


def _exchange(row: asyncpg.Record, changes: Mapping[str, Changes]) -> Exchange:
    return Exchange(
        **(dict(row) | {"suffixes": tuple(row["suffixes"]), "changes": changes.get(row["calendar"], ())})
    )


def _change(row: asyncpg.Record) -> SessionChange:
    opens, closes = (None if row[name] is None else _seconds(row[name]) for name in ("opens", "closes"))
    return SessionChange(_seconds(row["day"]), opens, closes)


def run_of(row: asyncpg.Record) -> Run:
    """A run as recorded."""
    counts = Counts(
        *(row[name] for name in ("rows_done", "accepted", "unchanged", "corrected", "quarantined"))
    )
    names = ("id", "source", "sha256", "interval", "status", "rows_total", "rows_done", "started_at", "error")
    return Run(**{name: row[name] for name in names}, counts=counts)


def _aside(row: asyncpg.Record) -> KeptAside:
    return KeptAside(**(dict(row) | {"row": orjson.loads(row["row"]), "values": tuple(row["values"])}))


async def fetch_action_groups(connection: asyncpg.Connection, keys: Sequence[ActionKey]) -> ActionGroups:
    """The stored actions of each instrument, day and kind, as rows; those without any left out."""
    columns = [[key[place] for key in keys] for place in range(3)]
    rows = await connection.fetch(SQL["action_groups"], *columns)
    return {
        (row["instrument_id"], row["ex_date"], ActionKind(row["kind"])): orjson.loads(row["rows"])
        for row in rows
    }


def pack_actions(before: ActionGroups, after: ActionGroups) -> str:
    """Actions before and after as JSON: [[instrument, day, kind, before, after], ...]."""
    keys = sorted({*before, *after})
    return _dumped([[*key, before.get(key, []), after.get(key, [])] for key in keys])


def _dumped(value: object) -> str:
    return orjson.dumps(value).decode()
