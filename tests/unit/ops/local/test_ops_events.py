"""What `status` and `doctor` say of the events, from the platform's own answer."""

import json
from dataclasses import replace

from stock_ops.local.facts.health import PartsHealth, read_events
from stock_ops.local.plans.doctor import Finding, events_findings


def answer(*parts: tuple[str, bool, str | None, str | None]) -> bytes:
    names = ("name", "healthy", "version", "reason")
    return json.dumps({"parts": [dict(zip(names, part, strict=True)) for part in parts]}).encode()


def findings(events: PartsHealth | None) -> list[Finding]:
    return list(events_findings(events))


def test_what_the_platform_says_is_told_in_a_line() -> None:
    events = read_events(
        answer(
            ("postgresql", True, "18.6", None),
            ("events", True, "Valkey 9.1.2, active, 0 wait", None),
            ("delivery", True, "active, 0 behind", None),
        )
    )
    assert events == PartsHealth(True, "events: Valkey 9.1.2, active, 0 wait; delivery: active, 0 behind")
    (found,) = findings(events)
    assert found.state == "ok"


def test_a_log_that_is_away_is_a_warning_with_the_reason() -> None:
    events = read_events(answer(("events", False, None, "12 events wait in the outbox: failing: no answer")))
    assert events is not None
    assert not events.ok
    (found,) = findings(events)
    assert (found.state, "12 events wait" in found.detail) == ("warning", True)
    assert "stock-analysis events status" in found.todo


def test_what_was_set_aside_is_a_warning_with_what_to_do() -> None:
    aside = PartsHealth(True, "events: Valkey 9.1.2, active, 0 wait, 3 set aside")
    (found,) = findings(aside)
    assert found.state == "warning"
    assert "events dead list" in found.todo
    assert findings(replace(aside, detail="events: active, 0 wait"))[0].state == "ok"


def test_a_platform_that_does_not_say_is_no_finding() -> None:
    assert read_events(b"") is None
    assert read_events(answer(("postgresql", True, "18.6", None))) is None
    assert findings(None) == []
