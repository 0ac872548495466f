"""From a source to the answer and out again: posts, deletions, budgets, failures, days that become final."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from stock_analysis.domain.errors import UnavailableError
from stock_analysis.kit.health import Health
from stock_analysis.kit.settings import Settings
from stock_analysis.sentiment.cli import load_sample_posts
from stock_analysis.sentiment.collector import Collector, SourceReader
from stock_analysis.sentiment.endpoints import create_sentiment_app
from stock_analysis.sentiment.housekeeping import tidy
from stock_analysis.sentiment.intake import Intake
from stock_analysis.sentiment.model import ModelError, SentimentModel, load_model
from stock_analysis.sentiment.ports import DAY_S
from stock_analysis.sentiment.posts import RawPost
from stock_analysis.sentiment.reading import TextReader
from stock_analysis.sentiment.sample import load_sample
from stock_analysis.sentiment.sources.bluesky import Bluesky
from stock_analysis.sentiment.sources.catalogue import wanted
from stock_analysis.sentiment.sources.port import Source
from stock_analysis.sentiment.sources.reddit import Reddit
from stock_analysis.sentiment.sources.web import Web, open_web
from stock_analysis.sentiment.sources.x import X
from stock_analysis.sentiment.standing import list_sources
from stock_analysis.testing.builders import environment
from stock_analysis.testing.platform import PROGRAM
from stock_analysis.testing.posts import new_post, noon
from tests.contract.sentiment.envelopes import reddit, x
from tests.contract.sentiment.loopback import Script, served
from tests.contract.sentiment.test_source_contract import commit
from tests.integration.sentiment.conftest import Bench

BEGIN, END = noon(400), noon(-400)
UP = "$AAPL beats estimates, profit rises and the company raises its guidance"


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    async with served() as found:
        yield found


@pytest.fixture
async def net() -> AsyncIterator[Web]:
    async with open_web("test") as found:
        yield found


def intake(bench: Bench, load: object = load_model) -> Intake:
    return Intake(bench.store, TextReader(bench.store, load), 7)  # type: ignore[arg-type]  # some tests give one that fails


def reader(bench: Bench, source: Source, **changed: object) -> SourceReader:
    settings = Settings.model_validate(bench.settings.model_dump() | changed)
    return SourceReader(settings, bench.store, intake(bench), source)


def raw(number: int, text: str = UP, **changed: object) -> RawPost:
    post = RawPost("bluesky", f"id{number}", f"did:{number}", text, datetime.now(UTC) - timedelta(hours=30))
    return replace(post, **changed)  # type: ignore[arg-type]  # fields of it


async def count(bench: Bench, symbol: str = "AAPL") -> int:
    return len(await bench.store.posts(bench.ids[symbol], BEGIN, END))


def recent(number: int, text: str = UP, operation: str = "create") -> dict[str, object]:
    """A message of Jetstream of now."""
    told = commit(number, operation, text=text, createdAt=datetime.now(UTC).isoformat())
    return told | {"time_us": int(datetime.now(UTC).timestamp() * 1e6)}


async def test_a_post_is_read_judged_counted_and_shown(bench: Bench) -> None:
    counts = await intake(bench).take([raw(1), raw(2, "nothing about any of them")])
    assert (counts["new"], counts["no_stock"]) == (1, 1)
    [post] = await bench.store.posts(bench.ids["AAPL"], BEGIN, END)
    assert post.spoken.kind == "cashtag"
    assert post.judged.label == "positive"
    assert post.judged.score > 0


async def test_each_kind_of_bad_post_has_its_answer_and_the_good_ones_are_kept(bench: Bench) -> None:
    bad = {
        "empty": raw(1, "\u200b\u200d"),
        "future": raw(2, posted_at=datetime.now(UTC) + timedelta(days=1)),
        "late": raw(3, posted_at=noon(30)),
        "malformed": raw(4, author=""),
        "no_stock": raw(5, "🚀🚀🚀"),
    }
    good = [
        raw(6, f"{UP} " + "long " * 25_000),
        raw(7, f"\u202e{UP}\u202c \u0645\u0631\u062d\u0628\u0627"),
        raw(8, f"$A\u200bAPL {UP}"),
        raw(9, f"<p>{UP}</p><script>x()</script>", is_html=True),
    ]
    counts = await intake(bench).take([*bad.values(), *good])
    assert {name: counts[name] for name in (*bad, "new")} == dict.fromkeys(bad, 1) | {"new": 4}
    assert not [p for p in await bench.store.posts(bench.ids["AAPL"], BEGIN, END) if "<" in (p.text or "")]


async def test_a_flood_of_one_text_by_a_thousand_accounts_is_one_voice_louder(bench: Bench) -> None:
    posts = [raw(n, f"{UP} https://t.example/{n}") for n in range(1000)]
    assert (await intake(bench).take(posts))["new"] == 1000
    buckets = await bench.store.buckets(bench.ids["AAPL"], DAY_S, BEGIN, END)
    assert sum(one.bucket.posts for one in buckets) == 1000
    assert sum(one.bucket.effective_n for one in buckets) < 20


async def test_a_deletion_at_the_source_reaches_storage_answers_events_and_buckets(
    bench: Bench, script: Script, net: Web
) -> None:
    source = Bluesky(script.url.replace("http", "ws"))
    script.messages = [recent(n, f"{UP} secretword{n}") for n in range(3)]
    await reader(bench, source).turn(net)
    app = create_sentiment_app(bench.settings, Health({}, {}), bench.store)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as api:
        before = await api.get("/api/v1/sentiment/AAPL/posts")
        assert "secretword1" in before.text
        await bench.store.put_source(replace((await bench.store.sources())["bluesky"], again_at=None))
        account = {"active": False, "status": "deleted"}
        gone = {"did": "did:plc:2", "kind": "account", "time_us": 2**50, "account": account}
        script.messages = [recent(1, operation="delete"), gone]
        await reader(bench, source).turn(net)
        after = await api.get(
            "/api/v1/sentiment/AAPL/posts", headers={"if-none-match": before.headers["etag"]}
        )
    assert after.status_code == 200
    assert ("secretword0" in after.text, "secretword1" in after.text, "secretword2" in after.text) == (
        True,
        False,
        False,
    )
    assert len(await bench.events("posts.deleted.v1")) == 2
    assert (await bench.store.buckets(bench.ids["AAPL"], DAY_S, BEGIN, END))[0].bucket.posts == 1
    assert not [word for word in ("secretword1", "did:plc:2") if word in await bench.everything()]


async def test_the_cursor_moves_with_what_was_stored_and_a_replay_changes_nothing(
    bench: Bench, script: Script, net: Web
) -> None:
    source = Bluesky(script.url.replace("http", "ws"))
    script.messages = [recent(1), recent(2)]
    await reader(bench, source).turn(net)
    state = (await bench.store.sources())["bluesky"]
    assert state.cursor == str(script.messages[-1]["time_us"])
    events = await bench.events("sentiment.v1")
    await bench.store.put_source(replace(state, cursor="", again_at=None))
    await reader(bench, source).turn(net)
    assert (await count(bench), await bench.events("sentiment.v1")) == (2, events)


async def test_a_source_that_says_wait_is_left_alone_until_then(
    bench: Bench, script: Script, net: Web
) -> None:
    source = Reddit(script.url, f"{script.url}/access_token", ["stocks"], lambda: ("id", "secret"))
    script.then(b"", 429, {"x-ratelimit-reset": "90"})
    one = reader(bench, source)
    assert 85 < await one.turn(net) <= 90
    state = (await bench.store.sources())["reddit"]
    assert state.state == "waiting"
    asked = len(script.asked)
    assert await one.turn(net) > 80
    assert len(script.asked) == asked


async def test_a_wrong_key_is_told_and_tried_rarely(bench: Bench, script: Script, net: Web) -> None:
    source = X(script.url, "$AAPL", lambda: "wrong")
    script.then({"title": "Unauthorized"}, 401)
    await reader(bench, source, sentiment_x_dollars_a_day=1.0).turn(net)
    state = (await bench.store.sources())["x"]
    assert (state.state, "Unauthorized" in state.reason, "wrong" in state.reason) == ("refused", True, False)
    assert state.again_at is not None
    assert state.again_at - datetime.now(UTC) > timedelta(minutes=55)


async def test_a_source_that_lacks_its_key_keeps_no_other(bench: Bench) -> None:
    names = {"sentiment_sources": ("bluesky", "reddit", "myspace")}
    settings = Settings.model_validate(bench.settings.model_dump() | names)
    collector = Collector(settings, bench.owner, bench.store, intake(bench), *wanted(settings))
    assert [one.name for one in collector.readers] == ["bluesky"]
    with pytest.raises(UnavailableError) as caught:
        await collector.check()
    assert "reddit needs sentiment_reddit_id, sentiment_reddit_secret in the settings" in str(caught.value)
    assert "there is no source 'myspace'; there are bluesky" in str(caught.value)
    items = {one["name"]: one for one in (await list_sources(bench.store, settings))["items"]}
    assert (items["reddit"]["state"], items["reddit"]["configured"]) == ("refused", True)


async def test_a_source_that_fails_is_asked_ever_more_rarely(bench: Bench, net: Web) -> None:
    one = reader(bench, X("http://127.0.0.1:1", "$AAPL", lambda: "t"), sentiment_x_dollars_a_day=1.0)
    pauses = []
    for _ in range(5):
        pauses.append(await one.turn(net))
        await bench.store.put_source(replace((await bench.store.sources())["x"], again_at=None))
    assert pauses == sorted(pauses)
    assert pauses[-1] > 20


async def test_the_money_of_a_day_is_never_passed_and_new_on_the_next(
    bench: Bench, script: Script, net: Web
) -> None:
    source = X(script.url, "$AAPL", lambda: "token")
    script.then(x([1, 2]))
    one = reader(bench, source, sentiment_x_dollars_a_day=0.058)
    for _ in range(4):
        await one.turn(net)
    state = (await bench.store.sources())["x"]
    assert (state.state, state.spent) == ("spent", Decimal("0.010"))
    assert "the day's budget: $0.01" in state.reason
    assert script.asked[0].query["max_results"] == "11"
    yesterday = replace(state, day=state.day - timedelta(days=1), again_at=None)
    await bench.store.put_source(yesterday)
    asked = len(script.asked)
    await one.turn(net)
    assert len(script.asked) > asked


async def test_posts_of_a_day_are_bounded(bench: Bench, script: Script, net: Web) -> None:
    source = Bluesky(script.url.replace("http", "ws"))
    script.messages = [recent(n) for n in range(5)]
    one = reader(bench, source, sentiment_posts_a_day=5)
    await one.turn(net)
    await bench.store.put_source(replace((await bench.store.sources())["bluesky"], again_at=None))
    asked = len(script.asked)
    await one.turn(net)
    assert (await bench.store.sources())["bluesky"].state == "spent"
    assert len(script.asked) == asked


async def test_a_source_that_is_silent_for_an_hour_is_a_warning(
    bench: Bench, script: Script, net: Web
) -> None:
    source = Reddit(script.url, f"{script.url}/access_token", ["stocks"], lambda: ("id", "secret"))
    script.then(reddit([1]))  # of yesterday or before
    one = reader(bench, source)
    await one.turn(net)
    state = (await bench.store.sources())["reddit"]
    assert (state.state, state.reason[:13]) == ("silent", "no post since")
    collector = Collector(bench.settings, bench.owner, bench.store, intake(bench), [source])
    assert (await collector.check()).startswith("reddit: silent")


async def test_posts_are_asked_for_at_their_source_and_those_it_lost_are_deleted(
    bench: Bench, script: Script, net: Web
) -> None:
    number = bench.ids["AAPL"]
    await bench.store.add([new_post(f"t3_{n}", instrument_id=number, source="reddit") for n in (1, 2)])
    await bench.owner.execute("UPDATE sentiment_post SET checked_at = now() - interval '13 hours'")
    source = Reddit(script.url, f"{script.url}/access_token", ["stocks"], lambda: ("id", "secret"))
    script.then(reddit([])).then(reddit([1])).then(reddit([1]))
    await reader(bench, source).turn(net)
    assert [post.key for post in await bench.store.posts(number, BEGIN, END)] == [
        new_post("t3_1", source="reddit").key
    ]


async def test_without_a_model_posts_wait_at_their_source(bench: Bench, script: Script, net: Web) -> None:
    def missing() -> SentimentModel:
        return load_model(Path("/nowhere/model.npz"))

    script.messages = [recent(1)]
    source = Bluesky(script.url.replace("http", "ws"))
    one = SourceReader(bench.settings, bench.store, intake(bench, missing), source)
    await one.turn(net)
    state = (await bench.store.sources())["bluesky"]
    assert (state.state, state.cursor) == ("failing", "")
    assert "model.npz cannot be read" in state.reason
    with pytest.raises(ModelError, match="cannot be read"):
        await TextReader(bench.store, missing).check()
    await bench.store.put_source(replace(state, again_at=None))
    await reader(bench, source).turn(net)
    assert await count(bench) == 1


async def test_a_day_that_becomes_final_keeps_its_buckets_and_forgets_its_people(bench: Bench) -> None:
    number = bench.ids["AAPL"]
    text = "$AAPL the very same words of many accounts, join our group"
    posts = [new_post(f"c{n}", instrument_id=number, text=text) for n in range(5)]
    posts += [new_post(f"a{n}", instrument_id=number, author="often", score=-0.5) for n in range(3)]
    await bench.store.add(posts)
    before = [one.bucket for one in await bench.store.buckets(number, DAY_S, BEGIN, END)]
    done = await tidy(bench.store, datetime.now(UTC) + timedelta(days=9))
    assert done == {"texts": 8, "days": 1, "people": 8, "notes": 0}
    [after] = await bench.store.buckets(number, DAY_S, BEGIN, END)
    assert ([after.bucket], after.final) == (before, True)
    kept = await bench.store.posts(number, BEGIN, END)
    assert {(p.text, p.author, p.minhash, p.url) for p in kept} == {(None, None, None, None)}
    assert (
        await bench.owner.fetchval("SELECT count(*) FROM sentiment_author_key WHERE name <> 'forgotten'") == 0
    )
    assert (await tidy(bench.store, datetime.now(UTC) + timedelta(days=9)))["days"] == 0


async def test_a_deletion_changes_a_final_day_still(bench: Bench) -> None:
    number = bench.ids["AAPL"]
    await bench.store.add([new_post("p1", instrument_id=number)])
    before = [one.bucket for one in await bench.store.buckets(number, DAY_S, BEGIN, END)]
    more = [new_post(f"m{n}", instrument_id=number, author="often") for n in range(3)]
    await bench.store.add(more)
    await tidy(bench.store, datetime.now(UTC) + timedelta(days=9))
    assert await bench.store.delete([post.key for post in more]) == 3
    assert [one.bucket for one in await bench.store.buckets(number, DAY_S, BEGIN, END)] == before


async def test_texts_that_their_source_was_not_seen_to_have_for_a_day_are_dropped(bench: Bench) -> None:
    number = bench.ids["AAPL"]
    await bench.store.add(
        [new_post(f"p-{name}", instrument_id=number, source=name) for name in ("bluesky", "rss")]
    )
    version = (await bench.store.followed("AAPL")).version
    assert (await tidy(bench.store, datetime.now(UTC) + timedelta(hours=25)))["texts"] == 1
    kept = {post.source: post.text for post in await bench.store.posts(number, BEGIN, END)}
    assert (kept["bluesky"], kept["rss"] is not None) == (None, True)
    assert (await bench.store.followed("AAPL")).version > version


async def test_texts_are_dropped_where_deletions_were_missed(bench: Bench, script: Script, net: Web) -> None:
    source = Bluesky(script.url.replace("http", "ws"))
    script.messages = [recent(1)]
    one = reader(bench, source)
    await one.turn(net)
    state = (await bench.store.sources())["bluesky"]
    long_ago = str(int(state.cursor) - 48 * 3_600_000_000)
    await bench.store.put_source(replace(state, cursor=long_ago, again_at=None))
    script.messages = [recent(2)]
    await one.turn(net)
    kept = await bench.store.posts(bench.ids["AAPL"], BEGIN, END)
    assert [post.text for post in kept] == [None, None]


async def test_the_first_source_takes_the_place_of_the_sample(bench: Bench, script: Script) -> None:
    assert await load_sample(bench.store) > 0
    script.messages = []
    source = Bluesky(script.url.replace("http", "ws"))
    collector = Collector(bench.settings, bench.owner, bench.store, intake(bench), [source])
    await run_until(collector, bench)
    assert await bench.store.holds() == (False, False)


async def run_until(collector: Collector, bench: Bench) -> None:
    task = asyncio.create_task(collector.run())
    try:
        async with asyncio.timeout(20):
            while any(await bench.store.holds()):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(0.1)
    finally:
        task.cancel()
        await asyncio.wait([task])


def command(bench: Bench, *words: Sequence[str] | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "sentiment", *map(str, words)],
        env=environment(bench.settings) | {"PATH": "/usr/bin:/bin", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


async def test_forget_deletes_by_author_and_by_post_and_says_how_many(bench: Bench) -> None:
    number = bench.ids["AAPL"]
    await bench.store.add([new_post(f"p{n}", instrument_id=number, author="did:one") for n in range(3)])
    await bench.store.add([new_post("other", instrument_id=number)])
    done = command(bench, "forget", "--source", "bluesky", "--author", "did:one")
    assert (done.returncode, done.stdout[:16]) == (0, "3 posts deleted;"), done.stderr
    assert command(bench, "forget", "--source", "bluesky", "--post", "other").stdout.startswith("1 posts")
    assert await count(bench) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--source", "bluesky"), "say which: --author ID or --post ID"),
        (("--source", "bluesky", "--author", "a", "--post", "b"), "say which"),
        (("--source", "myspace", "--post", "b"), "there is no source 'myspace'; there are bluesky, rss"),
        (("--source", "rss", "--post", "a\nb"), "1 to 512 printable characters"),
    ],
)
async def test_forget_says_what_it_lacks(bench: Bench, words: tuple[str, ...], said: str) -> None:
    done = command(bench, "forget", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


async def test_the_sample_is_left_out_in_words_under_a_role_that_may_not_write_posts(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "platform.toml"
    names = ("database_port", "database_name", "database_user", "database_sentiment")
    values = {name: getattr(bench.settings, name) for name in names} | {"database_sentiment": "stock_writer"}
    lines = [f"{name} = {value!r}" for name, value in values.items()]
    password = bench.settings.database_password
    config.write_text(
        "\n".join([*lines, f"database_password = {password.get_secret_value()!r}"] if password else lines)
    )
    await asyncio.to_thread(load_sample_posts, config)
    assert "the database role stock_writer may not write posts" in capsys.readouterr().err
    assert await bench.store.holds() == (False, False)


async def test_the_sources_are_listed_with_what_they_need(bench: Bench) -> None:
    done = command(bench, "sources")
    assert done.returncode == 0, done.stderr
    assert "reddit   Reddit: off" in done.stdout
    assert "needs sentiment_x_token, sentiment_x_query, sentiment_x_dollars_a_day" in done.stdout
    assert "No source is on." in done.stdout
    assert "none was ever run live by us" in done.stdout
