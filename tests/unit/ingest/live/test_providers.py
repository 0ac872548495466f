"""What the envelopes of providers say; recorded after their documents, never live."""

import json
from pathlib import Path
from typing import Any

import pytest

from stock_analysis.domain.errors import InvalidInputError, ProviderError
from stock_analysis.domain.ticks import Alive, Amend, Auction, Cancel, Gap, Halt, Trade
from stock_analysis.ingest.live.providers import alpaca, provider_of
from stock_analysis.ingest.live.providers.coinbase import CoinbaseParser
from stock_analysis.ingest.live.providers.websocket import epoch_us
from stock_analysis.ingest.live.sources import wanted_symbols
from stock_analysis.kit.settings import Settings

RECORDED = Path(__file__).parents[1] / "recorded"


def recorded(name: str) -> list[Any]:
    found: list[Any] = json.loads((RECORDED / name).read_text())
    return found


def test_alpaca_s_envelopes() -> None:
    said = [one for content in recorded("alpaca_stream.json")[3:] for one in alpaca.parse(content)]
    assert said == [
        Trade("AAPL", epoch_us("2021-02-22T15:51:44.208Z"), 126.55, 100, "V96921"),
        Trade("AAPL", epoch_us("2021-02-22T15:51:45.123456Z"), 126.60, 1, "V96922", makes_price=False),
        Amend(Trade("AAPL", epoch_us("2021-02-22T15:51:50.542305Z"), 126.50, 120, "V97000"), "V96921"),
        Cancel("AAPL", "V96922"),
        Halt("AAPL", epoch_us("2021-02-22T15:52:00Z"), halted=True),
        Halt("AAPL", epoch_us("2021-02-22T16:00:00Z"), halted=False),
        Trade("AAPL", epoch_us("2021-02-22T14:30:00.5Z"), 126.1, 5000, "Q1", Auction.OPENING),
        Trade("AAPL", epoch_us("2021-02-22T21:00:01Z"), 125.9, 90000, "Q3", Auction.CLOSING),
        Alive(),
    ]


def test_coinbase_s_envelopes_with_what_was_missed_between_them() -> None:
    parse = CoinbaseParser()
    said = [one for content in recorded("coinbase_stream.json") for one in parse(content)]
    assert said == [
        Alive(),
        Alive(),
        Trade("BTC-USD", epoch_us("2014-11-07T08:19:27.028459Z"), 400.23, 5.23512, "865127782"),
        Alive(epoch_us("2014-11-07T08:19:28.464459Z")),
        Trade("BTC-USD", epoch_us("2014-11-07T08:19:29.028459Z"), 400.25, 1, "865127785"),
        Alive(epoch_us("2014-11-07T08:19:30.464459Z")),
        Trade("BTC-USD", epoch_us("2014-11-07T08:19:29.018459Z"), 400.24, 1, "865127784"),
        Gap("BTC-USD", 3),
        Alive(epoch_us("2014-11-07T08:19:31.464459Z")),
    ]


@pytest.mark.parametrize(
    "content", [None, 7, "x", {}, [7], [{}], [{"T": "t"}], [{"T": "t", "S": "A", "x": "V", "i": 1, "t": "?"}]]
)
def test_garbage_of_alpaca_is_no_trade(content: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        list(alpaca.parse(content))


@pytest.mark.parametrize("content", [None, 7, [], {}, {"type": "match"}, {"type": "match", "trade_id": "x"}])
def test_garbage_of_coinbase_is_no_trade(content: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        list(CoinbaseParser()(content))


def test_errors_of_providers_are_told_in_their_words() -> None:
    with pytest.raises(ProviderError, match=r"alpaca refuses \(402\): auth failed; check live_alpaca_key"):
        list(alpaca.parse([{"T": "error", "code": 402, "msg": "auth failed"}]))
    with pytest.raises(ProviderError, match="coinbase refuses: Failed to subscribe XXX-USD is not"):
        list(
            CoinbaseParser()(
                {
                    "type": "error",
                    "message": "Failed to subscribe",
                    "reason": "XXX-USD is not valid",
                }
            )
        )


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        epoch_us("2021-02-22T15:51:44")


def test_sources_are_named_by_provider_and_symbol() -> None:
    assert wanted_symbols(["coinbase/btc-usd", "alpaca/AAPL", "coinbase/ETH-USD", "coinbase/BTC-USD"]) == {
        "coinbase": ["BTC-USD", "ETH-USD"],
        "alpaca": ["AAPL"],
    }
    with pytest.raises(InvalidInputError, match=r"'BTC-USD' is not PROVIDER/SYMBOL"):
        wanted_symbols(["BTC-USD"])


def test_a_provider_that_is_not_set_up_says_what_is_missing() -> None:
    settings = Settings.model_validate({})
    with pytest.raises(InvalidInputError, match="live_alpaca_key"):
        provider_of("alpaca", settings)
    with pytest.raises(InvalidInputError, match="there are alpaca, coinbase"):
        provider_of("kraken", settings)
