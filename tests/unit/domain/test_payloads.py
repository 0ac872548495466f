import pytest

from stock_analysis.domain.bar_builder import BarState
from stock_analysis.domain.bars import Interval
from stock_analysis.domain.events import (
    LONGEST_LIST,
    PAYLOADS,
    BarsChanged,
    Columns,
    FutureSchemaError,
    LivePrice,
    PayloadError,
    decode_payload,
    encode_payload,
)
from stock_analysis.domain.live import Feed, FeedState, LiveBar, LiveStatus, Origin
from stock_analysis.domain.session_clock import SessionSpan
from stock_analysis.kit.events import Topic

BARS = BarsChanged(
    symbol="AAPL", interval=Interval.M1, change="closed", first=60, last=60, count=1, version=3,
    bars=Columns(t=[60], open=[1.0], high=[2.0], low=[0.5], close=[1.5], volume=[100.0]),
)  # fmt: skip


def test_every_topic_has_its_payload() -> None:
    assert set(PAYLOADS) == set(Topic)


def test_a_payload_comes_back_as_it_was() -> None:
    assert decode_payload(Topic.BARS, "1.0", encode_payload(BARS)) == BARS


def test_a_field_of_a_later_minor_version_is_passed_over() -> None:
    data = encode_payload(BARS).replace(b'{"symbol"', b'{"halted":true,"symbol"')
    assert decode_payload(Topic.BARS, "1.9", data) == BARS


def test_a_later_major_version_is_not_read_but_named() -> None:
    with pytest.raises(FutureSchemaError, match=r"schema 2.0 of prices.bars.v1 is newer than 1.0"):
        decode_payload(Topic.BARS, "2.0", encode_payload(BARS))
    with pytest.raises(FutureSchemaError, match=r"no topic 'prices.bars.v2'"):
        decode_payload("prices.bars.v2", "1.0", encode_payload(BARS))


@pytest.mark.parametrize(
    ("data", "defect"),
    [
        (b"", "no BarsChanged"),
        (b"[]", "Expected `object`"),
        (b'{"symbol":"AAPL"}', "missing required field"),
        (encode_payload(BARS).replace(b'"1m"', b'"7m"'), "7m"),
        (encode_payload(BARS).replace(b'"count":1', b'"count":0'), ">= 1"),
        (
            encode_payload(BARS).replace(b'"t":[60]', b'"t":' + str([60] * (LONGEST_LIST + 1)).encode()),
            "<= 64",
        ),
    ],
)
def test_what_is_no_such_payload_says_why(data: bytes, defect: str) -> None:
    with pytest.raises(PayloadError, match=defect):
        decode_payload(Topic.BARS, "1.0", data)


@pytest.mark.parametrize("schema", ["1", "v1.0", "-1.0", "1.x", ""])
def test_a_schema_that_is_no_version_is_refused(schema: str) -> None:
    with pytest.raises(PayloadError, match=r"not MAJOR.MINOR"):
        decode_payload(Topic.BARS, schema, encode_payload(BARS))


def test_a_live_price_is_a_bar_with_its_session_or_a_status() -> None:
    origin = Origin(Feed.REPLAY, "stored", "r1", 60.0, made_up=True)
    session = SessionSpan(date=0, opens=60, closes=600, week=0, month=0)
    bar = LiveBar(origin, 60, 1, 2, 0.5, 1.5, 10, BarState.FORMING, session, 61_000)
    status = LiveStatus(origin, FeedState.SILENT, None, "nothing came")
    for live in (LivePrice(symbol="AAPL", bar=bar), LivePrice(symbol="AAPL", status=status)):
        assert decode_payload(Topic.LIVE, "1.0", encode_payload(live)) == live
