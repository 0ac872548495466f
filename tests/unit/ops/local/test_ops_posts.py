"""How posts stand, as doctor and status say it."""

import json

import pytest

from stock_ops.local.facts.health import PartsHealth, read_posts
from stock_ops.local.plans.doctor import posts_findings
from stock_ops.local.plans.status import standing_data, standing_lines


def test_the_answer_of_readyz_has_sources_and_model() -> None:
    parts = [
        {"name": "posts", "healthy": True, "version": "bluesky: reading", "reason": None},
        {"name": "model", "healthy": False, "version": None, "reason": "it is missing"},
        {"name": "valkey", "healthy": True, "version": "9", "reason": None},
    ]
    found = read_posts(json.dumps({"parts": parts}).encode())
    assert found == PartsHealth(False, "posts: bluesky: reading; model: it is missing")
    assert read_posts(b"{}") is None


def test_no_source_and_one_that_is_read_are_well() -> None:
    for told in ("posts: no source is configured; model: 1-abc", "posts: bluesky: reading; model: 1-abc"):
        assert [one.state for one in posts_findings(PartsHealth(True, told))] == ["ok"]


@pytest.mark.parametrize("state", ["silent", "spent", "waiting"])
def test_a_source_that_rests_is_a_warning(state: str) -> None:
    (found,) = posts_findings(PartsHealth(True, f"posts: x: {state} (why)"))
    assert (found.state, "sentiment sources" in (found.todo or "")) == ("warning", True)


def test_a_source_that_refuses_is_a_warning_too() -> None:
    (found,) = posts_findings(PartsHealth(False, "posts: x: refused (the key)"))
    assert found.state == "warning"


def test_status_has_a_line_and_an_entry_of_posts() -> None:
    posts = PartsHealth(True, "posts: bluesky: reading")
    assert list(standing_lines(None, None, posts)) == [("Posts", "posts: bluesky: reading")]
    assert standing_data(None, None, posts)["posts"] == {"ok": True, "detail": "posts: bluesky: reading"}
    assert list(posts_findings(None)) == []
