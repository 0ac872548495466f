"""What every price store does, the one in memory and the one on PostgreSQL."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from stock_analysis.domain.actions import ActionKind, ActionUnit, CorporateAction
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.instruments import Instrument
from stock_analysis.ingest.ports import PriceStore
from stock_analysis.ingest.rows import BAR, RANGE, Counts, Rejected, Rows, Run, Selection
from stock_analysis.testing.builders import epoch, instrument

DAY = 86_400
SHA = b"s" * 32


async def an_instrument(store: PriceStore, symbol: str = "TEST") -> int:
    await store.add_instruments([instrument(symbol)])
    return (await store.listed([symbol]))[symbol].id


def bars(number: int, *days: int, close: float = 10.0) -> Rows:
    return np.array([(number, day * DAY, 9.0, 11.0, 8.0, close, 5.0) for day in days], BAR)


def spans(*found: tuple[int, int, int]) -> Rows:
    return np.array([(number, first * DAY, last * DAY) for number, first, last in found], RANGE)


def rejected(number: int, symbol: str | None = "TEST", close: float = 1.0, **changes: Any) -> Rejected:
    row: dict[str, object] = {"symbol": symbol, "open": "1,00", "close": f"{close} USD"}
    found = Rejected(number, symbol, 5 * DAY, row, ["ohlc_order"], (1.0, 1.0, 1.0, close, 1.0))
    return replace(found, **changes)


async def a_run(store: PriceStore, sha256: bytes = SHA) -> Run:
    return await store.open_run("prices.csv", sha256, "1d", 100)


async def test_the_exchanges_have_calendar_and_time_zone(store: PriceStore) -> None:
    exchanges = await store.exchanges()
    assert (exchanges["XKRX"].calendar, exchanges["XKRX"].timezone) == ("XKRX", "Asia/Seoul")


async def test_an_instrument_is_added_once(store: PriceStore) -> None:
    assert await store.add_instruments([instrument("AAA"), instrument("BBB")]) == ["AAA", "BBB"]
    assert await store.add_instruments([instrument("AAA")]) == []
    assert set(await store.listed(["AAA", "BBB", "CCC"])) == {"AAA", "BBB"}


async def test_an_instrument_changes_only_when_asked_and_different(store: PriceStore) -> None:
    renamed = Instrument("AAA", "Renamed", "XNAS", "USD")
    await store.add_instruments([instrument("AAA")])
    assert await store.add_instruments([renamed]) == []
    assert await store.add_instruments([renamed], update=True) == ["AAA"]
    assert await store.add_instruments([renamed], update=True) == []
    assert (await store.listed(["AAA"]))["AAA"].exchange == "XNAS"


@pytest.mark.parametrize("interval", [Interval.D1, Interval.M1])
async def test_bars_come_back_as_they_were_written(store: PriceStore, interval: Interval) -> None:
    number = await an_instrument(store)
    step = DAY if interval is Interval.D1 else 60
    written = bars(number, 1, 2, 3)
    written["t"] = epoch("1969-12-31") + np.arange(3) * step
    written["close"] = [0.1 + 0.2, 1e-300, 123_456_789.123_456_789]
    async with store.transaction() as writer:
        await writer.insert(interval, written)
    everything = np.array([(number, -10 * DAY, 10 * DAY)], RANGE)
    async with store.transaction() as writer:
        assert (await writer.stored(interval, everything, 0)).tolist() == written.tolist()


async def test_stored_bars_come_with_some_beside_and_none_twice(store: PriceStore) -> None:
    number, other = await an_instrument(store), await an_instrument(store, "OTHER")
    async with store.transaction() as writer:
        await writer.insert(Interval.D1, bars(number, *range(1, 21)))
        await writer.insert(Interval.D1, bars(other, *range(1, 21)))
        found = await writer.stored(Interval.D1, spans((number, 5, 6), (number, 9, 10), (other, 1, 1)), 2)
    days = [(row["instrument"], row["t"] // DAY) for row in found]
    assert days == [(number, day) for day in range(3, 13)] + [(other, day) for day in (1, 2, 3)]


async def test_an_exception_undoes_the_whole_transaction(store: PriceStore) -> None:
    number, run = await an_instrument(store), await a_run(store)

    async def interrupted() -> None:
        async with store.transaction() as writer:
            await writer.insert(Interval.D1, bars(number, 1))
            await writer.keep_aside(run, "1d", [rejected(1)])
            await writer.advance(run.id, Counts(2, 1, 0, 0, 1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await interrupted()
    async with store.transaction() as writer:
        assert len(await writer.stored(Interval.D1, spans((number, 0, 9)), 0)) == 0
        assert await writer.lock_run(run.id) == 0
    assert await store.list_aside(Selection()) == []


async def test_a_correction_changes_the_bar_that_is_meant_and_no_other(store: PriceStore) -> None:
    number = await an_instrument(store)
    async with store.transaction() as writer:
        await writer.insert(Interval.D1, bars(number, 1, 2, 3))
        await writer.correct(Interval.D1, bars(number, 2, close=99.0))
        await writer.correct(Interval.D1, bars(number, 3, close=98.0))
        found = await writer.stored(Interval.D1, spans((number, 1, 3)), 0)
    assert found["close"].tolist() == [10.0, 99.0, 98.0]


async def test_actions_are_new_then_unchanged_then_changed(store: PriceStore) -> None:
    number = await an_instrument(store)
    split = CorporateAction(date(2020, 8, 31), ActionKind.SPLIT, 4.0, "a")
    other = CorporateAction(date(2020, 8, 31), ActionKind.SPLIT, 5.0, "a")
    async with store.transaction() as writer:
        assert await writer.put_actions([(number, split)]) == (1, 0, [number])
        assert await writer.put_actions([(number, split)]) == (0, 0, [])
        assert await writer.put_actions([(number, other)]) == (0, 1, [number])
        assert (await writer.splits([number])).tolist() == [(number, epoch("2020-08-31"), 5.0)]


async def test_several_actions_of_one_kind_on_one_day_are_kept_beside_one_another(store: PriceStore) -> None:
    number = await an_instrument(store)
    day = date(2024, 2, 7)
    one, nine = (CorporateAction(day, ActionKind.DIVIDEND, value, "a") for value in (1.0, 9.0))
    special = CorporateAction(day, ActionKind.SPECIAL_DIVIDEND, 5.0, "a")
    spin_off = CorporateAction(day, ActionKind.SPIN_OFF, 0.8, "a", ActionUnit.RATIO)
    rights = CorporateAction(day, ActionKind.RIGHTS, 0.2, "a", price=8.0)
    every = [(number, action) for action in (one, nine, special, spin_off, rights)]
    async with store.transaction() as writer:
        assert await writer.put_actions(every) == (5, 0, [number])
        assert await writer.put_actions(every) == (0, 0, [])
        assert await writer.put_actions([(number, nine)]) == (0, 0, [])
        assert await writer.put_actions([(number, replace(one, value=2.0)), (number, nine)]) == (
            0,
            1,
            [number],
        )
        assert await writer.put_actions([(number, one)], beside=True) == (1, 0, [number])


async def test_two_splits_of_a_day_are_two(store: PriceStore) -> None:
    number = await an_instrument(store)
    splits = [CorporateAction(date(2020, 8, 31), ActionKind.SPLIT, value, "a") for value in (2.0, 3.0)]
    async with store.transaction() as writer:
        await writer.put_actions([(number, one) for one in splits])
        assert sorted(row[2] for row in (await writer.splits([number])).tolist()) == [2.0, 3.0]


async def test_a_run_goes_on_until_it_is_done_and_then_a_new_one_begins(store: PriceStore) -> None:
    run = await a_run(store)
    async with store.transaction() as writer:
        await writer.advance(run.id, Counts(30, 20, 5, 1, 4))
    again = await a_run(store)
    assert (again.id, again.rows_done, again.counts) == (run.id, 30, Counts(30, 20, 5, 1, 4))
    failed = await store.close_run(run.id, "the disk is full")
    assert (failed.status, failed.error) == ("failed", "the disk is full")
    assert (await a_run(store)).id == run.id
    assert not await store.is_done(SHA)
    done = await store.close_run(run.id)
    assert (done.status, done.rows_total) == ("done", 30)
    assert await store.is_done(SHA)
    assert (await a_run(store)).id != run.id


async def test_more_rows_than_expected_are_no_error(store: PriceStore) -> None:
    run = await a_run(store)
    async with store.transaction() as writer:
        after = await writer.advance(run.id, Counts(250))
    assert (after.rows_done, after.rows_total) == (250, 250)


async def test_a_row_is_kept_aside_once_for_each_source_and_number(store: PriceStore) -> None:
    run = await a_run(store)
    async with store.transaction() as writer:
        assert await writer.keep_aside(run, "1d", [rejected(1), rejected(2), rejected(3, None)]) == [
            "TEST",
            "TEST",
            None,
        ]
        assert await writer.keep_aside(run, "1d", [rejected(1), rejected(2)]) == []
    assert (await store.numbers_aside(SHA)).tolist() == [1, 2, 3]


async def test_the_same_row_of_a_longer_file_is_not_kept_aside_again(store: PriceStore) -> None:
    run, longer = await a_run(store), await a_run(store, b"t" * 32)
    async with store.transaction() as writer:
        await writer.keep_aside(run, "1d", [rejected(1)])
        await writer.edit_aside(1, {"symbol": "TEST", "close": "2"}, (None, None, None, 2.0, None))
        await writer.settle_aside([1], "dismissed")
        assert await writer.keep_aside(longer, "1d", [rejected(1), rejected(7, close=3.0)]) == ["TEST"]
        assert await writer.keep_aside(longer, "1m", [rejected(8)]) == ["TEST"]


async def test_rows_that_were_dealt_with_are_known_again_in_the_same_and_in_a_longer_file(
    store: PriceStore,
) -> None:
    run, longer = await a_run(store), await a_run(store, b"t" * 32)
    rows = [rejected(1), rejected(2, close=2.0), rejected(3, close=3.0), rejected(4, None)]
    moved = [replace(row, row_number=row.row_number + 10) for row in rows]
    async with store.transaction() as writer:
        await writer.keep_aside(run, "1d", rows)
        assert await writer.settled_aside(run, "1d", rows) == set()
        one, _, three, four = await writer.select_aside(Selection())
        await writer.settle_aside([one.id, four.id], "replayed")
        await writer.settle_aside([three.id], "dismissed")
        assert await writer.settled_aside(run, "1d", rows) == {1, 3, 4}
        assert await writer.settled_aside(longer, "1d", moved) == {11, 13}
        assert await writer.settled_aside(longer, "1m", moved) == set()


async def test_rows_aside_are_found_by_symbol_reason_state_and_id(store: PriceStore) -> None:
    run = await a_run(store)
    rows = [
        rejected(1),
        rejected(2, "ELSE", reasons=["jump"]),
        rejected(3, "ELSE", reasons=["missing", "jump"]),
    ]
    async with store.transaction() as writer:
        await writer.keep_aside(run, "1d", rows)
    one, two, three = (row.id for row in await store.list_aside(Selection()))
    async with store.transaction() as writer:
        await writer.settle_aside([two], "dismissed")

    async def ids(**conditions: Any) -> list[int]:
        return [row.id for row in await store.list_aside(Selection(**conditions))]

    assert await ids() == [one, three]
    assert await ids(state=None) == [one, two, three]
    assert await ids(symbol="ELSE") == [three]
    assert await ids(reason="jump", state=None) == [two, three]
    assert await ids(after_id=one) == [three]
    assert await ids(limit=1) == [one]
    assert await ids(ids=(one, two)) == [one]


async def test_an_edited_row_shows_its_new_cells_in_their_order(store: PriceStore) -> None:
    run = await a_run(store)
    async with store.transaction() as writer:
        await writer.keep_aside(run, "1d", [rejected(1)])
        (row,) = await writer.select_aside(Selection())
        await writer.edit_aside(row.id, {"volume": "3", "close": "12.5"}, (1.0, None, 1.0, 12.5, 3.0))
    (after,) = await store.list_aside(Selection())
    assert (list(after.row.items()), after.is_repaired) == ([("volume", "3"), ("close", "12.5")], True)
    assert after.values == (1.0, None, 1.0, 12.5, 3.0)


async def test_only_open_rows_with_nothing_but_a_jump_are_doubted(store: PriceStore) -> None:
    number, run = await an_instrument(store), await a_run(store)
    rows = [
        rejected(1, close=4.0, reasons=["jump"], t=5 * DAY),
        rejected(2, close=5.0, reasons=["jump", "duplicate"], t=5 * DAY),
        rejected(3, close=6.0, reasons=["jump"], t=50 * DAY),
        rejected(4, close=7.0, reasons=["jump"], t=6 * DAY),
    ]
    async with store.transaction() as writer:
        await writer.keep_aside(run, "1d", rows)
        last = (await writer.select_aside(Selection(reason="jump")))[-1]
        await writer.settle_aside([last.id], "dismissed")
        found = await writer.doubted(Interval.D1, spans((number, 1, 10)))
    assert found.tolist() == [(number, 5 * DAY, 1.0, 1.0, 1.0, 4.0, 1.0)]


async def test_a_doubted_row_that_was_edited_counts_with_its_new_numbers_once_it_has_all(
    store: PriceStore,
) -> None:
    number, run = await an_instrument(store), await a_run(store)
    async with store.transaction() as writer:
        await writer.keep_aside(run, "1d", [rejected(1, reasons=["jump"])])
        (row,) = await writer.select_aside(Selection())
        await writer.edit_aside(row.id, row.row, (1.0, 1.0, 1.0, None, 1.0))
        assert len(await writer.doubted(Interval.D1, spans((number, 1, 10)))) == 0
        await writer.edit_aside(row.id, row.row, (1.0, 1.0, 1.0, 2.0, 1.0))
        found = await writer.doubted(Interval.D1, spans((number, 1, 10)))
    assert found["close"].tolist() == [2.0]


async def test_the_same_text_with_other_numbers_is_another_row(store: PriceStore) -> None:
    run, other = await a_run(store), await a_run(store, b"t" * 32)
    async with store.transaction() as writer:
        await writer.keep_aside(run, "1d", [rejected(1)])
        same_text = rejected(1, values=(1.0, 1.0, 1.0, 1000.0, 1.0))
        assert await writer.keep_aside(other, "1d", [same_text]) == ["TEST"]


async def test_rows_that_stay_get_their_new_reasons_and_time(store: PriceStore) -> None:
    number, run = await an_instrument(store), await a_run(store)
    async with store.transaction() as writer:
        await writer.keep_aside(run, "1d", [rejected(1, t=None, reasons=["unparsable"])])
        (row,) = await writer.select_aside(Selection())
        await writer.doubt_again({row.id: ["jump"]}, {row.id: 7 * DAY})
        assert len(await writer.doubted(Interval.D1, spans((number, 7, 7)))) == 1
    assert (await store.list_aside(Selection()))[0].reasons == ["jump"]
