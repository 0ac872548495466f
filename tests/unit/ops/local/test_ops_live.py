"""What `status` and `doctor` say of live prices, from the platform's own answer."""

import json

import pytest

from stock_ops.local.facts.health import PartsHealth, read_events, read_live
from stock_ops.local.plans.doctor import live_findings


def answer(*parts: tuple[str, bool, str | None, str | None]) -> bytes:
    names = ("name", "healthy", "version", "reason")
    return json.dumps({"parts": [dict(zip(names, part, strict=True)) for part in parts]}).encode()


def test_clients_and_sources_are_told_in_a_line_apart_from_the_events() -> None:
    body = answer(
        ("events", True, "active, 0 wait", None),
        ("live", True, "2 clients; coinbase: 1 live, as of 2026-11-29 20:00:00 UTC", None),
        ("sources", True, "coinbase: 1 live, as of 2026-11-29 20:00:00 UTC", None),
    )
    live, events = read_live(body), read_events(body)
    assert live is not None
    assert live.detail.startswith(
        "live: 2 clients; coinbase: 1 live, as of 2026-11-29 20:00:00 UTC; sources: "
    )
    assert events == PartsHealth(True, "events: active, 0 wait")
    assert [one.state for one in live_findings(live)] == ["ok"]


@pytest.mark.parametrize("state", ["silent", "reconnecting", "clock"])
def test_a_source_that_is_not_heard_is_a_warning_with_what_to_do(state: str) -> None:
    (found,) = live_findings(PartsHealth(True, f"live: 0 clients; coinbase: 2 live, 1 {state}, as of now"))
    assert found.state == "warning"
    assert "stockops runbook live-source-silent" in found.todo


@pytest.mark.parametrize("state", ["live", "closed", "halted", "ended"])
def test_a_market_that_is_closed_is_none(state: str) -> None:
    (found,) = live_findings(PartsHealth(True, f"live: 0 clients; coinbase: 1 {state}, as of now"))
    assert found.state == "ok"


def test_a_source_that_could_not_be_begun_is_a_warning_with_its_reason() -> None:
    live = read_live(answer(("sources", False, None, "coinbase not begun: nothing is stored of BTC-USD")))
    assert live is not None
    (found,) = live_findings(live)
    assert (found.state, "BTC-USD" in found.detail) == ("warning", True)
    assert "live_sources" in found.todo


def test_a_platform_that_does_not_say_is_no_finding() -> None:
    assert read_live(answer(("postgresql", True, "18.6", None))) is None
    assert list(live_findings(None)) == []
