"""The Korean adapter against recorded answers, through pykrx's own login and parsing.

What stands in tests/unit/ingest/recorded was not recorded by us (there is no network here): see its README.
"""

import builtins
import sys
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pytest

from stock_analysis.domain.actions import ActionKind, CorporateAction
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.errors import ProviderError
from stock_analysis.ingest.krx import KrxProvider
from stock_analysis.ingest.ports import Fetched
from tests.unit.ingest.replay import Answer, Router, network_down, put_on_wire, recorded

LOGIN = "MDCCOMS001D1.cmd"
PRICES = "dbms/MDC/STAT/standard/MDCSTAT01701"


@pytest.fixture(autouse=True)
def fresh_pykrx(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A pykrx that has neither logged in nor learnt the listed codes, and an account to log in with."""
    monkeypatch.setenv("KRX_ID", "someone")
    monkeypatch.setenv("KRX_PW", "a password")
    _forget_pykrx()
    yield
    _forget_pykrx()


def _forget_pykrx() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "pykrx"]:
        del sys.modules[name]


def exchange(**given: Answer) -> Router:
    """The exchange and Naver as they answer a member, but for the answers given."""
    answers = {
        "login": recorded("krx_login.json"),
        "listed": recorded("krx_listed.json"),
        "delisted": recorded("krx_delisted.json"),
        "prices": recorded("krx_prices_005930.json"),
        "naver": recorded("naver_sise_005930.xml"),
        "page": (200, b"<html></html>"),
    } | given

    def route(url: str, fields: dict[str, str]) -> Answer:
        return answers[_asked_for(url, fields.get("bld", ""))]

    return route


def _asked_for(url: str, bld: str) -> str:
    named = {PRICES: "prices", "dbms/comm/finder/finder_stkisu": "listed"}
    if bld:
        return named.get(bld, "delisted")
    return "login" if url.endswith(LOGIN) else "naver" if "naver.com" in url else "page"


def fetch(symbol: str = "005930") -> Fetched:
    return KrxProvider().fetch(symbol, Interval.D1, date(2018, 4, 24), date(2018, 5, 10))


def error_of(monkeypatch: pytest.MonkeyPatch, route: Router, symbol: str = "005930") -> str:
    put_on_wire(monkeypatch, route)
    with pytest.raises(ProviderError) as caught:
        fetch(symbol)
    return str(caught.value)


def epoch(day: str) -> int:
    return int(np.datetime64(day, "s").astype(np.int64))


def test_bars_come_as_traded_and_halted_days_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_wire(monkeypatch, exchange())
    bars = fetch().bars
    closes = dict(zip(bars.t.tolist(), bars.close.tolist(), strict=True))
    assert (closes[epoch("2018-04-27")], closes[epoch("2018-05-04")]) == (2_650_000.0, 51_900.0)
    assert epoch("2018-05-02") not in closes
    assert (len(bars), bars.volume[bars.t == epoch("2018-04-27")]) == (8, 606_216)
    assert (np.diff(bars.t) > 0).all()


def test_a_split_is_told_by_comparison_with_the_adjusted_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_wire(monkeypatch, exchange())
    assert fetch().actions == [CorporateAction(date(2018, 5, 4), ActionKind.SPLIT, 50.0, "krx/naver")]


def test_the_exchange_is_asked_for_unadjusted_prices_of_the_days(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = put_on_wire(monkeypatch, exchange())
    fetch()
    asked = next(fields for _, fields in wire.asked if fields.get("bld") == PRICES)
    assert (asked["isuCd"], asked["adjStkPrc"]) == ("KR7005930003", "1")
    assert (asked["strtDd"], asked["endDd"]) == ("20180424", "20180510")


def test_no_request_can_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = put_on_wire(monkeypatch, exchange())
    fetch()
    assert len(wire.timeouts) == len(wire.asked) >= 5
    assert None not in wire.timeouts


def test_the_instrument_is_described_with_its_market(monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_wire(monkeypatch, exchange())
    instrument = fetch().instrument
    described = (instrument.symbol, instrument.name, instrument.exchange, instrument.currency)
    assert described == ("005930", "삼성전자", "XKRX", "KRW")
    assert fetch("247540").instrument.exchange == "XKOS"


def test_nothing_is_printed_least_of_all_the_login(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_on_wire(monkeypatch, exchange())
    fetch()
    assert capsys.readouterr() == ("", "")


def test_without_an_account_the_way_to_one_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRX_PW")
    message = error_of(monkeypatch, exchange())
    assert "KRX_ID and KRX_PW" in message
    assert "005930.KS" in message


def test_a_refused_login_says_what_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "refuses the login" in error_of(monkeypatch, exchange(login=recorded("krx_login_refused.json")))


def test_an_unknown_code_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "knows no code 999999" in error_of(monkeypatch, exchange(), "999999")


def test_an_empty_answer_names_the_days(monkeypatch: pytest.MonkeyPatch) -> None:
    message = error_of(monkeypatch, exchange(prices=recorded("krx_prices_empty.json")))
    assert "no bars of 005930 from 2018-04-24 to 2018-05-10" in message


def test_days_that_naver_lacks_are_an_error_as_a_split_may_hide_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    status, body = recorded("naver_sise_005930.xml")
    less = b"\n".join(line for line in body.split(b"\n") if b"20180504" not in line)
    assert "7 of the 8 days" in error_of(monkeypatch, exchange(naver=(status, less)))


@pytest.mark.parametrize("part", ["listed", "prices", "naver"])
def test_a_refusal_for_too_many_requests_says_to_wait(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    message = error_of(monkeypatch, exchange(**{part: (429, b"Too Many Requests")}))
    assert "429" in message
    assert "quarter of an hour" in message


@pytest.mark.parametrize("part", ["login", "listed", "prices", "naver"])
@pytest.mark.parametrize("body", [b"<html>maintenance</html>", b"", b"{"])
def test_garbage_is_called_so(monkeypatch: pytest.MonkeyPatch, part: str, body: bytes) -> None:
    assert "try again later" in error_of(monkeypatch, exchange(**{part: (200, body)}))


def test_an_ended_login_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ended the login" in error_of(monkeypatch, exchange(prices=(400, b"LOGOUT")))


def test_a_dead_network_says_what_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    message = error_of(monkeypatch, network_down)
    assert "cannot be reached" in message
    assert "check the network" in message


def test_a_network_that_dies_in_mid_fetch_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def route(url: str, fields: dict[str, str]) -> Answer:
        return network_down(url, fields) if fields.get("bld") == PRICES else exchange()(url, fields)

    assert "cannot be reached" in error_of(monkeypatch, route)


def test_minutes_are_refused() -> None:
    with pytest.raises(ProviderError, match="daily bars only, not 1m"):
        KrxProvider().fetch("005930", Interval.M1, date(2018, 4, 24), date(2018, 5, 10))


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_pykrx(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "pykrx":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_pykrx)
    with pytest.raises(ProviderError, match="make install EXTRA=krx"):
        fetch()
