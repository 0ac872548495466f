"""How the live prices stand, as `stockops status` and the operations page say it."""

from stock_analysis.domain.live import Feed, FeedState, LiveStatus, LiveUpdate, Origin
from stock_analysis.gateway.live.feeds import Feeds
from stock_analysis.gateway.live.standing import standing

COINBASE = Origin(Feed.LIVE, "coinbase")


def said(clients: int, *updates: tuple[str, LiveUpdate]) -> str:
    feeds = Feeds()
    for symbol, update in updates:
        feeds.take(symbol, update)
    return standing(clients, feeds.views())


def test_without_a_source_it_says_so() -> None:
    assert said(0) == "0 clients; no source is heard"
    assert said(1) == "1 client; no source is heard"


def test_each_source_is_told_with_its_states_and_its_newest_price() -> None:
    told = said(
        1200,
        ("BTC-USD", LiveStatus(COINBASE, FeedState.LIVE, 1_700_000_000_000)),
        ("ETH-USD", LiveStatus(COINBASE, FeedState.LIVE, 1_700_000_060_000)),
        ("XYZ-USD", LiveStatus(COINBASE, FeedState.SILENT, 1_600_000_000_000)),
        ("AAPL", LiveStatus(Origin(Feed.LIVE, "alpaca"), FeedState.CLOSED, None)),
    )
    assert told == (
        "1,200 clients; alpaca: 1 closed, no price yet;"
        " coinbase: 2 live, 1 silent, as of 2023-11-14 22:14:20 UTC"
    )


def test_a_replay_is_never_told_as_a_market() -> None:
    replay = Origin(Feed.REPLAY, "stored bars", "r1", 60)
    told = said(0, ("ES", LiveStatus(replay, FeedState.LIVE, 1_378_211_400_000)))
    assert told == "0 clients; replay of ES: 1 live, as of 2013-09-03 12:30:00 UTC"
