"""What every source of posts keeps, on answers made after its documents; none was ever read live."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest

from stock_analysis.kit.settings import Settings
from stock_analysis.sentiment.posts import Gone, RawPost
from stock_analysis.sentiment.sources.bluesky import Bluesky
from stock_analysis.sentiment.sources.catalogue import ABOUT
from stock_analysis.sentiment.sources.feeds import Feeds, items_of
from stock_analysis.sentiment.sources.port import Page, Room, Source, SourceError, Why
from stock_analysis.sentiment.sources.reddit import Reddit
from stock_analysis.sentiment.sources.web import Web, open_web
from stock_analysis.sentiment.sources.x import PRICE, X
from tests.contract.sentiment.envelopes import CASES, FIRST, Case, reddit, rss, when, x
from tests.contract.sentiment.loopback import Script, served

pytestmark = pytest.mark.server
ROOM = Room(1000, Decimal(5))


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    async with served() as found:
        yield found


@pytest.fixture
async def net() -> AsyncIterator[Web]:
    async with open_web("test") as found:
        yield found


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


async def pages(source: Source, net: Web, cursor: str = "", room: Room = ROOM) -> list[Page]:
    return [page async for page in source.read(net, cursor, room)]


async def drained(source: Source, net: Web, cursor: str = "") -> tuple[list[Page], SourceError | None]:
    """What came before the source failed, and how it did."""
    found: list[Page] = []
    try:
        async for page in source.read(net, cursor, ROOM):
            found.append(page)  # noqa: PERF401 - what came before the failure is wanted
    except SourceError as error:
        return found, error
    return found, None


async def posts(source: Source, net: Web, cursor: str = "") -> list[RawPost]:
    return [post for page in await pages(source, net, cursor) for post in page.posts]


async def failure(source: Source, net: Web) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await pages(source, net)
    return caught.value


def test_every_source_of_the_catalogue_is_here() -> None:
    assert set(ABOUT) == {case.name for case in CASES} | {"bluesky"}
    assert all(
        name.removesuffix("_a_day") in str(Settings.model_fields) for a in ABOUT.values() for name in a.needs
    )


async def test_posts_come_with_id_author_text_time_and_link(case: Case, script: Script, net: Web) -> None:
    script.then(case.body([1, 2]))
    found = {post.post_id: post for post in await posts(case.make(script.url), net)}
    assert sorted(found) == sorted(case.ids)
    for number, post_id in enumerate(case.ids, 1):
        post = found[post_id]
        assert (post.source, post.posted_at) == (case.name, when(number))
        assert f"text {number}" in post.text
        assert post.author
        assert post.url.startswith("https://")


async def test_nothing_new_is_an_empty_page(case: Case, script: Script, net: Web) -> None:
    script.then(case.body([]))
    assert await posts(case.make(script.url), net) == []


async def test_a_cursor_gives_what_is_newer_and_the_same_cursor_the_same_again(
    case: Case, script: Script, net: Web
) -> None:
    source = case.make(script.url)
    cursor = (await _with(script, case.body([1]), source, net))[-1].cursor
    for _ in range(2):
        found = await _with(
            script, case.body([1, 2] if not case.cursor_parameter else [2]), source, net, cursor
        )
        assert case.ids[1] in {post.post_id for page in found for post in page.posts}
    if case.cursor_parameter:
        assert script.asked[-1].query[case.cursor_parameter] == cursor == case.ids[0]


async def _with(script: Script, body: object, source: Source, net: Web, cursor: str = "") -> list[Page]:
    script.answers.clear()
    script.then(body)
    return await pages(source, net, cursor)


async def test_too_many_requests_say_when_again_by_the_sources_own_header(
    case: Case, script: Script, net: Web
) -> None:
    now = datetime.now(UTC)
    script.then({"error": "slow down"}, 429, case.reset(now))
    error = await failure(case.make(script.url), net)
    assert error.why is Why.LIMITED
    assert error.again_at is not None
    assert 85 < (error.again_at - now).total_seconds() < 100


@pytest.mark.parametrize("status", [401, 403])
async def test_a_wrong_or_revoked_key_is_refused_in_words(
    case: Case, script: Script, net: Web, status: int
) -> None:
    script.then({"message": "invalid key"}, status)
    error = await failure(case.make(script.url), net)
    assert error.why is Why.REFUSED
    assert str(status) in str(error)
    assert "invalid key" in str(error)
    assert not [secret for secret in ("token-1", "secret") if secret in str(error)]


@pytest.mark.parametrize("status", [302, 404, 500, 503])
async def test_another_status_is_a_failure(case: Case, script: Script, net: Web, status: int) -> None:
    script.then(b"<html>away</html>", status, {"location": "http://127.0.0.1:1/"} if status == 302 else None)
    error = await failure(case.make(script.url), net)
    assert error.why is Why.FAILING
    assert str(status) in str(error)


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b'{"data": 7, "items": 7}', b"<a><b></a>", b"\xff\xfe"]
)
async def test_what_cannot_be_understood_is_a_failure(
    case: Case, script: Script, net: Web, body: bytes
) -> None:
    script.then(body)
    assert (await failure(case.make(script.url), net)).why is Why.FAILING


async def test_an_answer_that_breaks_off_is_a_failure_and_the_next_is_read(
    case: Case, script: Script, net: Web
) -> None:
    source = case.make(script.url)
    script.then(cut=True).then(case.body([1]))
    assert (await failure(source, net)).why is Why.FAILING
    assert len(await posts(source, net)) == 1


async def test_a_source_that_is_away_is_a_failure(case: Case, net: Web) -> None:
    assert (await failure(case.make("http://127.0.0.1:1"), net)).why is Why.FAILING


async def test_an_answer_without_end_is_not_read_to_it(case: Case, script: Script, net: Web) -> None:
    script.then(b" " * (9 * 2**20))
    assert "more than" in str(await failure(case.make(script.url), net))


# What one source alone has.


def commit(number: int, operation: str = "create", **record: object) -> dict[str, object]:
    told: dict[str, object] = {
        "operation": operation,
        "collection": "app.bsky.feed.post",
        "rkey": f"r{number}",
    }
    if operation == "create":
        told["record"] = {
            "$type": "app.bsky.feed.post",
            "text": f"$AAPL text {number}",
            "createdAt": FIRST.isoformat(),
            "langs": ["en"],
            **record,
        }
    us = int(FIRST.timestamp() * 1e6) + number
    return {"did": f"did:plc:{number}", "time_us": us, "kind": "commit", "commit": told}


async def stream(
    script: Script, net: Web, messages: list[object], cursor: str = ""
) -> tuple[list[Page], str]:
    script.messages = messages
    found, error = await drained(Bluesky(script.url.replace("http", "ws")), net, cursor)
    return found, str(error)


async def test_a_stream_that_is_cut_keeps_what_came_and_goes_on_from_there(script: Script, net: Web) -> None:
    [page], said = await stream(script, net, [commit(1), commit(2)])
    assert [post.post_id for post in page.posts] == [
        "at://did:plc:1/app.bsky.feed.post/r1",
        "at://did:plc:2/app.bsky.feed.post/r2",
    ]
    assert page.posts[0].url == "https://bsky.app/profile/did:plc:1/post/r1"
    assert "broke off" in said
    assert page.cursor == str(int(FIRST.timestamp() * 1e6) + 2)
    await stream(script, net, [commit(3)], page.cursor)
    assert script.asked[-1].query["cursor"] == str(int(page.cursor) - 5_000_000)
    assert script.asked[-1].query["wantedCollections"] == "app.bsky.feed.post"


async def test_deletions_of_posts_and_of_accounts_are_told(script: Script, net: Web) -> None:
    gone = {
        "did": "did:plc:9",
        "kind": "account",
        "time_us": 1,
        "account": {"active": False, "status": "deleted"},
    }
    back = {"did": "did:plc:8", "kind": "account", "time_us": 2, "account": {"active": True}}
    [page], _ = await stream(script, net, [commit(1), commit(2), commit(1, "delete"), gone, back])
    assert [post.author for post in page.posts] == ["did:plc:2"]
    assert page.gone == [
        Gone("bluesky", "at://did:plc:1/app.bsky.feed.post/r1"),
        Gone("bluesky", author="did:plc:9"),
    ]


async def test_messages_that_cannot_be_understood_are_passed_over(script: Script, net: Web) -> None:
    messages: list[object] = ["nonsense", [], {"kind": "commit"}, commit(1, text=7), commit(2)]
    [page], _ = await stream(script, net, messages)
    assert [post.author for post in page.posts] == ["did:plc:2"]


async def test_a_post_is_never_later_than_the_stream_saw_it(script: Script, net: Web) -> None:
    [page], _ = await stream(
        script, net, [commit(1, createdAt="2099-01-01T00:00:00Z"), commit(2, createdAt="x")]
    )
    assert {post.posted_at.replace(microsecond=0) for post in page.posts} == {FIRST}


async def test_an_unchanged_feed_is_not_read_again(script: Script, net: Web) -> None:
    source = CASES[0].make(script.url)
    script.then(rss([1]), 200, {"ETag": '"v1"', "Last-Modified": "yesterday"})
    [page] = await pages(source, net)
    script.answers.clear()
    script.then(b"", 304)
    [again] = await pages(source, net, page.cursor)
    assert again.posts == []
    assert again.cursor == page.cursor
    assert script.asked[-1].headers["If-None-Match"] == '"v1"'


async def test_a_feed_that_fails_keeps_no_other(script: Script, net: Web) -> None:
    source = Feeds([f"{script.url}/one", f"{script.url}/two"])
    script.then(b"nonsense").then(rss([1]))
    found, error = await drained(source, net)
    assert "no XML" in str(error)
    assert len(found) == 1


def test_a_feed_that_swells_when_it_is_read_is_refused() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><channel>&b;</channel></rss>'
    with pytest.raises(SourceError, match="document type"):
        items_of(bomb, "the feed")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_in_any_encoding_and_behind_any_comment(encoding: str) -> None:
    text = f'<!--{"x" * 70_000}--><!DOCTYPE x [<!ENTITY a "aaaa">]><rss><channel>&a;</channel></rss>'
    with pytest.raises(SourceError, match="document type"):
        items_of(text.encode(encoding), "the feed")


def test_a_text_about_document_types_is_read() -> None:
    title = "<title><![CDATA[<!DOCTYPE and <!ENTITY explained]]></title>"
    document = f"<rss><channel><item>{title}<link>https://e.org/1</link></item></channel></rss>"
    [found] = items_of(document.encode(), "the feed")
    assert found.title == "<!DOCTYPE and <!ENTITY explained"


async def test_edgar_is_told_whom_to_write_to(script: Script, net: Web) -> None:
    script.then(CASES[1].body([1]))
    await pages(CASES[1].make(script.url), net)
    assert script.asked[-1].headers["User-Agent"] == "stock-analysis us@example.org"


async def test_a_submission_that_is_deleted_or_removed_is_told_as_gone(script: Script, net: Web) -> None:
    source = CASES[3].make(script.url)
    for changed in ({"author": "[deleted]"}, {"removed_by_category": "moderator"}):
        [page] = await _with(script, reddit([1], **changed), source, net)
        assert (page.posts, page.gone) == ([], [Gone("reddit", "t3_1")])


async def test_reddit_is_asked_whether_posts_are_there_and_what_it_leaves_out_is_gone(
    script: Script, net: Web
) -> None:
    source = CASES[3].make(script.url)
    script.then(reddit([1]))
    found = await source.check(net, ["t3_1", "t3_2"])
    assert (found.there, found.gone) == (["t3_1"], ["t3_2"])
    assert script.asked[-1].query["id"] == "t3_1,t3_2"


async def test_a_token_is_asked_for_once_and_again_after_a_refusal(script: Script, net: Web) -> None:
    source = CASES[3].make(script.url)
    assert isinstance(source, Reddit)
    script.then(reddit([1])).then(reddit([1])).then(b"", 401).then(reddit([1]))
    await pages(source, net)
    await pages(source, net)
    await failure(source, net)
    await pages(source, net)
    assert [one.method for one in script.asked if one.path.endswith("access_token")] == ["POST", "POST"]


async def test_x_takes_no_more_posts_than_the_money_left_and_says_what_they_cost(
    script: Script, net: Web
) -> None:
    source = X(script.url, "$AAPL", lambda: "token")
    script.then(x([1, 2]))
    [page] = await pages(source, net, room=Room(1000, PRICE * 37))
    assert script.asked[-1].query["max_results"] == "37"
    assert page.cost == PRICE * 2
    assert await pages(source, net, room=Room(1000, PRICE * 9)) == []
    assert len(script.asked) == 1


async def test_x_is_asked_whether_posts_are_there(script: Script, net: Web) -> None:
    missing = {
        "value": "102",
        "title": "Not Found Error",
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    }
    script.then({**x([1]), "errors": [missing]})
    found = await X(script.url, "$AAPL", lambda: "token").check(net, ["101", "102"])
    assert (found.there, found.gone, found.cost) == (["101"], ["102"], PRICE)


def line(number: int) -> bytes:
    return (
        orjson.dumps({"data": x([number])["data"][0], "matching_rules": [{"tag": "stock-analysis"}]})
        + b"\r\n"
    )


async def test_xs_stream_goes_on_behind_the_search_under_a_rule_of_ours(script: Script, net: Web) -> None:
    source = X(script.url, "$AAPL", lambda: "token", stream=True)
    old = {"id": "5", "value": "$MSFT", "tag": "stock-analysis"}
    script.then(x([1])).then({"data": [old, {"id": "6", "value": "x", "tag": "others"}]}).then({}).then(
        {}, 201
    )
    script.then(b"\r\n" + line(2) + b"\r\n")
    found, error = await drained(source, net)
    assert [[post.post_id for post in page.posts] for page in found] == [["101"], ["102"]]
    assert (found[-1].cursor, found[-1].cost) == ("102", PRICE)
    assert "broke off" in str(error)
    assert [(one.method, one.path) for one in script.asked] == [
        ("GET", "/2/tweets/search/recent"),
        ("GET", "/2/tweets/search/stream/rules"),
        ("POST", "/2/tweets/search/stream/rules"),
        ("POST", "/2/tweets/search/stream/rules"),
        ("GET", "/2/tweets/search/stream"),
    ]
    assert script.bodies[2:4] == [
        {"delete": {"ids": ["5"]}},
        {"add": [{"value": "$AAPL", "tag": "stock-analysis"}]},
    ]


async def test_xs_stream_ends_with_the_money_and_says_why_it_was_cut(script: Script, net: Web) -> None:
    source = X(script.url, "$AAPL", lambda: "token", stream=True)
    rules = {"data": [{"id": "5", "value": "$AAPL", "tag": "stock-analysis"}]}
    script.then(x([])).then(rules).then(line(1) * 50)
    found = await pages(source, net, room=Room(1000, PRICE * 12))
    assert sum(len(page.posts) for page in found) == 12
    script.answers.clear()
    script.then(x([])).then(rules).then(orjson.dumps({"errors": [{"title": "operational-disconnect"}]}))
    assert "operational-disconnect" in str(await failure(source, net))
    script.answers.clear()
    script.then(x([])).then(rules).then(
        {"title": "ConnectionException"}, 429, CASES[4].reset(datetime.now(UTC))
    )
    assert (await failure(source, net)).why is Why.LIMITED


async def test_a_stream_that_no_longer_has_what_was_missed_says_so(script: Script, net: Web) -> None:
    before = int(FIRST.timestamp() * 1e6) - 2 * 3_600_000_000
    [page], _ = await stream(script, net, [commit(1), commit(2)], str(before))
    assert page.gap
    [page], _ = await stream(script, net, [commit(1)], str(before + 2 * 3_600_000_000 - 1_000_000))
    assert not page.gap
