from datetime import UTC, datetime

import pytest

from stock_analysis.kit.events import (
    LARGEST_HEADER_BYTES,
    Event,
    Partition,
    Topic,
    UnreadableEventError,
    event_of,
    record_of,
)

WHOLE = Event(
    topic=Topic.BARS,
    key="AAPL",
    data=b"{}",
    source="ingest",
    id="0197f2c4-0000-7000-8000-000000000001",
    time=datetime(2026, 11, 27, 14, 30, 0, 250000, UTC),
    schema="1.2",
    sequence=7,
    epoch="0197f2c4-0000-7000-8000-000000000002",
    request_id="abcdefgh",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


def headers_of(event: Event) -> dict[str, bytes]:
    return {name: value.encode() for name, value in event.headers().items()}


def test_an_event_travels_as_cloudevents_headers_and_comes_back_whole() -> None:
    headers = headers_of(WHOLE)
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_type"] == b"prices.bars.v1"
    assert headers["ce_time"] == b"2026-11-27T14:30:00.250000Z"
    assert event_of(headers, b"{}") == WHOLE


def test_what_is_not_known_is_left_out_of_the_headers() -> None:
    bare = Event("alerts.v1", "AAPL", b"{}", "alerts")
    assert not {"ce_sequence", "ce_epoch", "ce_requestid", "ce_traceparent"} & bare.headers().keys()
    assert event_of(headers_of(bare), b"{}") == bare


@pytest.mark.parametrize(
    ("change", "defect"),
    [
        ({"ce_id": None}, "header ce_id is missing"),
        ({"ce_specversion": b"2.0"}, "CloudEvents '2.0'"),
        ({"ce_time": b"yesterday"}, "no usable value"),
        ({"ce_time": b"2026-11-27T14:30:00"}, "no time zone"),
        ({"ce_sequence": b"many"}, "no usable value"),
        ({"ce_subject": b"\xff"}, "not text in UTF-8"),
        ({"x": b"x" * (LARGEST_HEADER_BYTES + 1)}, "longer than"),
    ],
)
def test_a_message_that_is_no_event_says_why(change: dict[str, bytes | None], defect: str) -> None:
    headers = {name: value for name, value in (headers_of(WHOLE) | change).items() if value is not None}
    with pytest.raises(UnreadableEventError, match=defect):
        event_of(headers, b"{}")
    record = record_of(Partition("prices.bars.v1"), "1-0", headers, b"{}")
    assert record.event is None
    assert defect in record.defect
