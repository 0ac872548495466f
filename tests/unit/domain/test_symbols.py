"""Which market a symbol is listed on: what its suffix or form says, or a question; never a silent guess."""

import exchange_calendars
import pytest

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.domain.instruments import Exchange
from stock_analysis.domain.markets import check_exchange, indices, markets
from stock_analysis.domain.symbols import MarketQuestion, Resolution, resolve

CERTAIN = {
    "RELIANCE.NS": ("XNSE", "INR"),
    "500325.BO": ("XBOM", "INR"),
    "600519.SS": ("XSHG", "CNY"),
    "000001.SZ": ("XSHE", "CNY"),
    "005930.KS": ("XKRX", "KRW"),
    "035720.KQ": ("XKOS", "KRW"),
    "7203.T": ("XTKS", "JPY"),
    "0700.HK": ("XHKG", "HKD"),
    "VOD.L": ("XLON", "GBP"),
    "SAP.DE": ("XETR", "EUR"),
    "MC.PA": ("XPAR", "EUR"),
    "NESN.SW": ("XSWX", "CHF"),
    "NESN.S": ("XSWX", "CHF"),
    "SHOP.TO": ("XTSE", "CAD"),
    "WDS.AX": ("XASX", "AUD"),
    "PETR4.SA": ("BVMF", "BRL"),
    "2222.SR": ("XSAU", "SAR"),
    "AAPL.OQ": ("XNAS", "USD"),
    "VOD.XLON": ("XLON", "GBP"),
    "^GSPC": ("XNYS", "USD"),
    "^KS11": ("XKRX", "KRW"),
    "^N225": ("XTKS", "JPY"),
    ".FTSE": ("XLON", "GBP"),
    "SPX INDEX": ("XNYS", "USD"),
    "EURUSD=X": ("FORX", "USD"),
    "KRW=X": ("FORX", "KRW"),
    "EUR=": ("FORX", "USD"),
    "USDKRW CURNCY": ("FORX", "KRW"),
    "ETH-USD": ("CRYP", "USD"),
    "BTC-EUR": ("CRYP", "EUR"),
    "KRW-BTC": ("CRYP", "KRW"),
    "BTC-USDT": ("CRYP", "USD"),
    "CL=F": ("XNYM", "USD"),
    "KC=F": ("IEPA", "USD"),
    "CLZ24.NYM": ("XNYM", "USD"),
    "VOD LN EQUITY": ("XLON", "GBP"),
    "005930 KS": ("XKRX", "KRW"),
    "7203 JT": ("XTKS", "JPY"),
}
ASSUMED = {
    "AAPL": "XNYS",
    "TWODIV": "XNYS",
    "BRK.B": "XNYS",
    "BRK-B": "XNYS",
    "005930": "XKRX",
    "005935": "XKRX",
    "600519": "XSHG",
    "000001": "XSHE",
    "EURUSD": "FORX",
    "BTCUSDT": "CRYP",
    "AAPL US EQUITY": "XNYS",
}
QUESTIONS = {
    "RELIANCE.NSE": "XNSE",
    "600519 CH": "XSHG",
    "000660": "XKRX",
    "7203": "XTKS",
    "GDX.CN": "XBOG",
    "^KOSPI": "XKRX",
    "FOO.XX": "XSWX",
    "VOD.LSE": "XLON",
}


@pytest.mark.parametrize("symbol", CERTAIN)
def test_a_suffix_or_form_names_the_market(symbol: str) -> None:
    found = resolve(symbol)
    assert isinstance(found, Resolution)
    assert (found.exchange, found.currency, found.assumed) == (*CERTAIN[symbol], False)


@pytest.mark.parametrize("symbol", ASSUMED)
def test_a_form_that_proves_nothing_is_assumed_and_says_so(symbol: str) -> None:
    found = resolve(symbol)
    assert isinstance(found, Resolution)
    assert (found.exchange, found.assumed) == (ASSUMED[symbol], True)


@pytest.mark.parametrize("symbol", QUESTIONS)
def test_what_names_no_market_or_several_is_a_question_with_the_nearest(symbol: str) -> None:
    found = resolve(symbol)
    assert isinstance(found, MarketQuestion)
    assert QUESTIONS[symbol] in found.nearest
    assert "--exchange" in found.text
    assert "stock-analysis exchange list" in found.text


@pytest.mark.parametrize("symbol", ["1234567", "ALPHA-1", "A.B.C", "X.Y", "ABC=Q"])
def test_an_unknown_form_is_never_new_york(symbol: str) -> None:
    assert isinstance(resolve(symbol), MarketQuestion)


@pytest.mark.parametrize("text", ["", "A B C", "AAPL;", "삼성", "^", "A" * 33])
def test_what_is_no_symbol_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not a symbol"):
        resolve(text)


def test_kinds_follow_from_the_form() -> None:
    kinds = {one: resolve(one).kind for one in ("^GSPC", "EURUSD=X", "ETH-USD", "ES=F", "AAPL")}  # type: ignore[union-attr]  # all are known
    assert list(kinds.values()) == ["index", "currency", "crypto", "future", "stock"]


def test_an_added_exchange_is_named_by_its_suffixes_and_its_code() -> None:
    lagos = Exchange(
        "XNSA", "Lagos", "weekdays 10:00-14:30 Africa/Lagos", "Africa/Lagos", "NGN", suffixes=("LG",)
    )
    for symbol in ("DANGCEM.LG", "DANGCEM.XNSA"):
        found = resolve(symbol, [lagos])
        assert isinstance(found, Resolution)
        assert (found.exchange, found.currency) == ("XNSA", "NGN")


def test_every_exchange_of_the_library_is_a_market() -> None:
    calendars = {market.exchange.calendar for market in markets().values()}
    known = set(exchange_calendars.get_calendar_names(include_aliases=False))
    assert known - calendars == {"24/5", "us_futures"}  # no exchanges: all weekdays, and a mixture


def test_every_vendors_code_of_a_market_leads_to_it_or_to_a_question_that_names_it() -> None:
    for mic, market in markets().items():
        forms = [f"ABC.{one}" for one in market.suffixes] + [f"ABC {one}" for one in market.bloomberg]
        for form in forms:
            found = resolve(form)
            named = found.nearest if isinstance(found, MarketQuestion) else (found.exchange,)
            assert mic in named, form


def test_every_index_is_found_by_each_of_its_names() -> None:
    for one in indices().values():
        for name in (one.symbol, f".{one.reuters}", f"{one.bloomberg} INDEX"):
            found = resolve(name)
            assert isinstance(found, Resolution)
            assert found.exchange == one.mic, name


@pytest.mark.parametrize(("wrong", "right"), [("XNYX", "XNYS"), ("XKRS", "XKRX"), ("NASDAQ", "XNAS")])
def test_a_wrong_code_of_an_exchange_is_answered_with_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(InvalidInputError, match=right):
        check_exchange(wrong, {mic: market.exchange for mic, market in markets().items()})
