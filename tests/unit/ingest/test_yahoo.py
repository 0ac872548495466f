"""The Yahoo adapter against recorded answers, through yfinance's own parsing.

What stands in tests/unit/ingest/recorded was not recorded by us (there is no network here): see its README.
The requests go through yfinance with a session of requests in place of curl_cffi's, so all of yfinance runs
but the client that imitates a browser's TLS.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import requests

from stock_analysis.domain.actions import ActionKind, CorporateAction
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.errors import ProviderError
from stock_analysis.ingest.ports import Fetched
from stock_analysis.ingest.yahoo import YahooProvider, stored_symbol, yahoo_symbol
from tests.unit.ingest.replay import Answer, Router, Wire, network_down, put_on_wire, recorded

CHART = "https://query2.finance.yahoo.com/v8/finance/chart/"


@pytest.fixture(autouse=True)
def fresh_yfinance(tmp_path: Path) -> Iterator[None]:
    """No cookie, crumb, cached answer or time zone of another test; its cache in this test's folder."""
    import yfinance
    from yfinance import cache, data

    yfinance.set_tz_cache_location(str(tmp_path))
    data.SingletonMeta._instances.clear()
    cache._TzCacheManager._tz_cache = None
    cache._CookieCacheManager._Cookie_cache = None
    yield
    cache._TzDBManager.set_location(None)
    cache._CookieDBManager.set_location(None)


def charts(daily: Answer, minutes: Answer | None = None) -> Router:
    """Yahoo as it answers: charts as given, a crumb, and nothing of use from the consent pages."""

    def route(url: str, fields: dict[str, str]) -> Answer:
        if url.startswith(CHART):
            return minutes if minutes and fields["interval"] == "1m" else daily
        return (200, b"crumb") if url.endswith("getcrumb") else (404, b"<html></html>")

    return route


def provider(now: datetime = datetime(2020, 9, 5, tzinfo=UTC)) -> YahooProvider:
    return YahooProvider(session=requests.Session(), now=lambda: now)


def fetch_aapl(monkeypatch: pytest.MonkeyPatch, start: date, end: date) -> tuple[Fetched, Wire]:
    wire = put_on_wire(monkeypatch, charts(recorded("yahoo_chart_aapl_1d.json")))
    return provider().fetch("AAPL", Interval.D1, start, end), wire


def error_of(monkeypatch: pytest.MonkeyPatch, route: Router, symbol: str = "AAPL") -> str:
    put_on_wire(monkeypatch, route)
    with pytest.raises(ProviderError) as caught:
        provider().fetch(symbol, Interval.D1, date(2020, 8, 3), date(2020, 9, 4))
    return str(caught.value)


def epoch(day: str) -> int:
    return int(np.datetime64(day, "s").astype(np.int64))


def test_bars_before_a_split_come_as_traded(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = fetch_aapl(monkeypatch, date(2020, 8, 3), date(2020, 9, 4))[0].bars
    closes = dict(zip(bars.t.tolist(), bars.close.tolist(), strict=True))
    assert len(bars) == 25
    assert (closes[epoch("2020-08-28")], closes[epoch("2020-08-31")]) == (499.23, 129.04)
    assert bars.volume[bars.t == epoch("2020-08-28")] == 46907500


def test_a_split_after_the_end_is_taken_out_too(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched, wire = fetch_aapl(monkeypatch, date(2020, 8, 3), date(2020, 8, 14))
    assert (fetched.bars.close[-1], fetched.bars.t[-1]) == (459.63, epoch("2020-08-14"))
    assert [action.kind for action in fetched.actions] == [ActionKind.DIVIDEND]
    assert max(int(fields.get("period2", 0)) for _, fields in wire.asked) > epoch("2020-09-05")


def test_splits_and_dividends_come_in_the_shares_of_their_day(monkeypatch: pytest.MonkeyPatch) -> None:
    actions = fetch_aapl(monkeypatch, date(2020, 8, 3), date(2020, 9, 4))[0].actions
    assert actions == [
        CorporateAction(date(2020, 8, 7), ActionKind.DIVIDEND, 0.82, "yahoo"),
        CorporateAction(date(2020, 8, 31), ActionKind.SPLIT, 4.0, "yahoo"),
    ]


def test_the_instrument_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    instrument = fetch_aapl(monkeypatch, date(2020, 8, 3), date(2020, 9, 4))[0].instrument
    described = (
        instrument.symbol,
        instrument.name,
        instrument.exchange,
        instrument.currency,
        instrument.kind,
    )
    assert described == ("AAPL", "Apple Inc.", "XNAS", "USD", "stock")


def test_a_korean_share_keeps_its_bare_code_and_its_won(monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_wire(monkeypatch, charts(recorded("yahoo_chart_005930_1d.json")))
    korean = provider(datetime(2018, 5, 11, tzinfo=UTC))
    fetched = korean.fetch("005930.KS", Interval.D1, date(2018, 3, 26), date(2018, 5, 10))
    assert (fetched.instrument.symbol, fetched.instrument.exchange) == ("005930", "XKRX")
    closes = dict(zip(fetched.bars.t.tolist(), fetched.bars.close.tolist(), strict=True))
    assert (closes[epoch("2018-04-27")], closes[epoch("2018-05-04")]) == (2_650_000.0, 51_900.0)
    assert [(action.kind, action.value) for action in fetched.actions] == [
        ("dividend", 17_700.0),
        ("split", 50.0),
    ]


def test_the_bar_of_a_running_session_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_wire(monkeypatch, charts(recorded("yahoo_chart_aapl_1d.json")))
    at_noon = provider(datetime(2020, 9, 4, 16, 0, tzinfo=UTC))
    bars = at_noon.fetch("AAPL", Interval.D1, date(2020, 8, 3), date(2020, 9, 4)).bars
    assert bars.t[-1] == epoch("2020-09-03")


def test_minutes_start_at_their_instant_and_holes_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = recorded("yahoo_chart_es_1d.json"), recorded("yahoo_chart_es_1m.json")
    put_on_wire(monkeypatch, charts(*answers))
    future = provider(datetime(2013, 9, 5, tzinfo=UTC))
    fetched = future.fetch("ES=F", Interval.M1, date(2013, 9, 3), date(2013, 9, 3))
    first = epoch("2013-09-03T13:30:00")
    assert fetched.bars.t.tolist() == [first + 60 * minute for minute in (0, 1, 2, 4, 5)]
    assert (fetched.instrument.symbol, fetched.instrument.kind) == ("ES=F", "future")


def test_bars_ascend_and_lie_within_the_days_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    t = fetch_aapl(monkeypatch, date(2020, 8, 10), date(2020, 8, 12))[0].bars.t.tolist()
    assert t == [epoch(f"2020-08-{day}") for day in (10, 11, 12)]
    assert all(a < b for a, b in pairwise(t))


def test_an_unknown_symbol_is_named_and_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    message = error_of(monkeypatch, charts(recorded("yahoo_chart_unknown.json", 404)), "NOSUCH")
    assert "knows no symbol NOSUCH" in message
    assert ".KS" in message


def test_an_empty_answer_gives_yahoos_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    known, nothing = recorded("yahoo_chart_aapl_1d.json"), recorded("yahoo_chart_no_data.json", 400)

    def route(url: str, fields: dict[str, str]) -> Answer:
        return charts(nothing if "period1" in fields else known)(url, fields)

    assert "Data doesn't exist for startDate" in error_of(monkeypatch, route)


def test_days_without_a_bar_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_wire(monkeypatch, charts(recorded("yahoo_chart_aapl_1d.json")))
    with pytest.raises(ProviderError, match="no 1d bars of AAPL from 2020-08-08 to 2020-08-09"):
        provider().fetch("AAPL", Interval.D1, date(2020, 8, 8), date(2020, 8, 9))


def test_a_refusal_for_too_many_requests_says_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    message = error_of(monkeypatch, lambda _url, _fields: (429, b"Too Many Requests\r\n"))
    assert "429" in message
    assert "wait" in message


@pytest.mark.parametrize(
    "body", [b"<html>Sign in to the hotel's network</html>", b"", b'{"chart":{}}', b"[]"]
)
def test_garbage_is_called_so(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    message = error_of(monkeypatch, charts((200, body)))
    assert "AAPL" in message
    assert "try again later" in message


def test_garbage_after_a_good_first_answer_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    known = recorded("yahoo_chart_aapl_1d.json")

    def route(url: str, fields: dict[str, str]) -> Answer:
        return charts((200, known[1][:500]) if "period1" in fields else known)(url, fields)

    assert "not the chart that yfinance expects" in error_of(monkeypatch, route)


def test_a_dead_network_says_what_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    message = error_of(monkeypatch, network_down)
    assert "cannot be reached" in message
    assert "check the network" in message


def test_an_exchange_that_the_platform_does_not_know_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    status, body = recorded("yahoo_chart_aapl_1d.json")
    message = error_of(monkeypatch, charts((status, body.replace(b'"NMS"', b'"VSE"'))))
    assert "VSE" in message


def test_other_intervals_are_refused() -> None:
    with pytest.raises(ProviderError, match="1d and 1m bars only, not 1h"):
        provider().fetch("AAPL", Interval.H1, date(2020, 8, 3), date(2020, 9, 4))


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(ProviderError, match="make install EXTRA=yahoo"):
        provider().fetch("AAPL", Interval.D1, date(2020, 8, 3), date(2020, 9, 4))


def test_share_classes_are_written_as_each_side_writes_them() -> None:
    assert [yahoo_symbol(text) for text in ("brk.b", "BRK-B", "VOD.L", "AAPL")] == [
        "BRK-B",
        "BRK-B",
        "VOD.L",
        "AAPL",
    ]
    given = ("BRK-B", "005930.KS", "035720.kq", "^GSPC", "VOD.L", "ES=F")
    assert [stored_symbol(text) for text in given] == ["BRK.B", "005930", "035720", "GSPC", "VOD.L", "ES=F"]
