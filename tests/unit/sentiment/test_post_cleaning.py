"""Posts on their way in: what is left of a text, and what is refused, with its reason."""

from datetime import UTC, datetime, timedelta

import pytest

from stock_analysis.sentiment.posts import (
    MOST_CHARACTERS,
    RawPost,
    Refusal,
    cleaned,
    final_before,
    link_of,
    refusal_of,
)

NOW = datetime(2026, 11, 29, 15, tzinfo=UTC)


def post(text: str = "$AAPL up", *, post_id: str = "1", author: str = "a", at: datetime = NOW) -> RawPost:
    return RawPost("bluesky", post_id, author, text, at)


def refusal(one: RawPost) -> Refusal | None:
    return refusal_of(one, cleaned(one), NOW, final_before(NOW, 7))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\u200bb\u200c\ufeffc", "abc"),
        ("safe \u202eevil\u202c text", "safe evil text"),
        ("\u0645\u0631\u062d\u0628\u0627 $AAPL", "\u0645\u0631\u062d\u0628\u0627 $AAPL"),
        ("a\0b\x1b[31mc", "ab[31mc"),
        ("  many \t spaces\n\n\nlines  ", "many spaces\nlines"),
        ("👩\u200d🚀 up", "👩\u200d🚀 up"),
        ("\ud800broken", "broken"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ],
)
def test_invisible_and_misleading_characters_are_dropped(text: str, left: str) -> None:
    assert cleaned(post(text)) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<p>Apple &amp; <b>co</b></p><p>next</p>", "Apple & co\nnext"),
        ("a<br/>b<script>alert('x')</script>c<!-- d -->", "a\nb c"),
        ("<a href=\"https://x.example\" onclick='run()'>link</a>", "link"),
        ("&lt;script&gt;", "<script>"),
        ("broken <b text", "broken <b text"),
    ],
)
def test_markup_is_taken_out_of_html(text: str, left: str) -> None:
    one = RawPost("rss", "1", "a", text, NOW, is_html=True)
    assert cleaned(one) == left


def test_a_text_of_100_kb_is_cut_and_taken() -> None:
    one = post("$AAPL " + "words " * 20_000)
    assert MOST_CHARACTERS - 1 <= len(cleaned(one)) <= MOST_CHARACTERS  # the cut may be behind a space
    assert refusal(one) is None


@pytest.mark.parametrize("start", ["<b " * 40_000, "<!--" * 40_000, "<script>" * 20_000, "&" * 100_000])
def test_markup_that_never_ends_takes_no_time(start: str) -> None:
    began = datetime.now(UTC)
    cleaned(RawPost("rss", "1", "a", start, NOW, is_html=True))
    assert datetime.now(UTC) - began < timedelta(seconds=5)


def test_emoji_alone_are_a_post() -> None:
    assert refusal(post("🚀🚀🚀")) is None


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (post(""), Refusal.EMPTY),
        (post("\u200b\u200d\u2060 \n"), Refusal.EMPTY),
        (post(at=NOW + timedelta(minutes=11)), Refusal.FUTURE),
        (post(at=NOW + timedelta(days=9000)), Refusal.FUTURE),
        (post(at=NOW - timedelta(days=8)), Refusal.LATE),
        (post(post_id=""), Refusal.MALFORMED),
        (post(author=""), Refusal.MALFORMED),
        (post(post_id="x" * 513), Refusal.MALFORMED),
        (post(author="a\0b"), Refusal.MALFORMED),
        (post(post_id="\ud800"), Refusal.MALFORMED),
    ],
)
def test_what_cannot_be_counted_is_refused_with_its_reason(one: RawPost, reason: Refusal) -> None:
    assert refusal(one) is reason


def test_a_clock_that_is_a_little_ahead_is_no_future() -> None:
    assert refusal(post(at=NOW + timedelta(minutes=9))) is None


def test_a_day_is_final_so_many_days_after_its_end() -> None:
    assert final_before(NOW, 7) == datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://bsky.app/profile/x/post/1", "https://bsky.app/profile/x/post/1"),
        ("javascript:alert(1)", ""),
        ("https://x.example/<b>", ""),
        ("https://x.example/" + "a" * 3000, ""),
        ("", ""),
    ],
)
def test_only_links_to_pages_are_shown(url: str, shown: str) -> None:
    assert link_of(url) == shown
