"""Posts stored, deleted and forgotten, with their buckets and events, in a real PostgreSQL."""

from datetime import timedelta

import pytest

from stock_analysis.domain.errors import UnknownInstrumentError
from stock_analysis.sentiment.aggregation import Voice, aggregate
from stock_analysis.sentiment.days import DAY, day_of, hour_of
from stock_analysis.sentiment.ports import DAY_S, HOUR_S, StoredBucket
from stock_analysis.testing.posts import new_post, noon
from tests.integration.sentiment.conftest import Bench

BEGIN, END = noon(400), noon(-400)


async def stored(bench: Bench, symbol: str = "AAPL") -> list[tuple[int, StoredBucket]]:
    found = []
    for length_s in (DAY_S, HOUR_S):
        rows = await bench.store.buckets(bench.ids[symbol], length_s, BEGIN, END)
        found += [(length_s, row) for row in rows]
    return found


async def test_new_posts_make_a_bucket_of_the_day_and_of_the_hour(bench: Bench) -> None:
    posts = [new_post(f"p{n}", instrument_id=bench.ids["AAPL"], score=0.5) for n in range(5)]
    done = await bench.store.add(posts)
    assert (done.new, done.known, list(done.symbols)) == (5, 0, ["AAPL"])
    expected = aggregate([Voice(n, n, 0.5, "positive") for n in range(5)])
    found = await stored(bench)
    assert [(length_s, one.start) for length_s, one in found] == [
        (DAY_S, day_of(noon())),
        (HOUR_S, hour_of(noon())),
    ]
    assert all(one.bucket == expected and not one.final and one.revision == 1 for _, one in found)


async def test_what_comes_again_changes_nothing(bench: Bench) -> None:
    posts = [new_post("p1", instrument_id=bench.ids["AAPL"])]
    await bench.store.add(posts)
    before = await stored(bench), await bench.store.followed("AAPL"), await bench.events("sentiment.v1")
    assert (await bench.store.add(posts)).known == 1
    assert (
        await stored(bench),
        await bench.store.followed("AAPL"),
        await bench.events("sentiment.v1"),
    ) == before


async def test_deleting_what_was_added_gives_the_buckets_of_before(bench: Bench) -> None:
    number = bench.ids["AAPL"]
    await bench.store.add(
        [new_post("p1", instrument_id=number), new_post("p2", instrument_id=number, score=-1)]
    )
    before = [(length_s, one.bucket) for length_s, one in await stored(bench)]
    text = (await bench.store.posts(number, BEGIN, END))[0].text or ""
    more = [new_post(f"m{n}", instrument_id=number, text=text, author="someone") for n in range(4)]
    await bench.store.add(more)
    assert [(length_s, one.bucket) for length_s, one in await stored(bench)] != before
    assert await bench.store.delete([post.key for post in more]) == 4
    assert [(length_s, one.bucket) for length_s, one in await stored(bench)] == before


async def test_a_post_that_was_deleted_is_not_taken_again(bench: Bench) -> None:
    post = new_post("p1", instrument_id=bench.ids["AAPL"])
    await bench.store.add([post])
    await bench.store.delete([post.key])
    assert (await bench.store.add([post])).gone == 1
    assert await stored(bench) == []


async def test_a_deletion_leaves_no_word_of_the_post_and_tells_of_it(bench: Bench) -> None:
    post = new_post(
        "at-did-secret-7", instrument_id=bench.ids["AAPL"], author="did:secret", text="$AAPL secretword"
    )
    await bench.store.add([post])
    assert "secretword" in await bench.everything()
    await bench.store.delete([post.key])
    everything = await bench.everything()
    assert not [
        word for word in ("secretword", "did:secret", "at-did-secret", "posts.example") if word in everything
    ]
    [told] = await bench.events("posts.deleted.v1")
    assert told["post_id"] == post.key.hex()
    assert [one["count"] for one in await bench.events("sentiment.v1")] == [1, 1, 0, 0]


async def test_the_name_of_an_author_is_never_stored(bench: Bench) -> None:
    await bench.store.add([new_post("p1", instrument_id=bench.ids["AAPL"], author="did:plc:somebody")])
    assert "somebody" not in await bench.everything()


async def test_a_forgotten_author_is_gone_on_all_days_and_not_taken_again(bench: Bench) -> None:
    number = bench.ids["AAPL"]
    posts = [
        new_post(f"p{n}", instrument_id=number, author="did:one", posted_at=noon(n + 1)) for n in range(3)
    ]
    other = new_post("other", instrument_id=number, author="did:two")
    await bench.store.add([*posts, other])
    assert await bench.store.forget_author("bluesky", "did:one") == 3
    assert [post.key for post in await bench.store.posts(number, BEGIN, END)] == [other.key]
    again = new_post("later", instrument_id=number, author="did:one", posted_at=noon(0) - timedelta(hours=3))
    assert (await bench.store.add([again, *posts])).gone == 4


async def test_an_author_of_the_same_name_elsewhere_stays(bench: Bench) -> None:
    post = new_post("p1", instrument_id=bench.ids["AAPL"], author="bob", source="reddit")
    await bench.store.add([post])
    assert await bench.store.forget_author("bluesky", "bob") == 0


async def test_a_changed_text_takes_the_place_of_the_old_one(bench: Bench) -> None:
    number = bench.ids["AAPL"]
    await bench.store.add([new_post("p1", instrument_id=number, text="$AAPL up", score=0.9)])
    done = await bench.store.add([new_post("p1", instrument_id=number, text="$AAPL down", score=-0.9)])
    assert (done.new, done.changed) == (0, 1)
    assert [post.text for post in await bench.store.posts(number, BEGIN, END)] == ["$AAPL down"]
    assert (await stored(bench))[0][1].bucket.posts == 1


async def test_events_tell_of_each_new_post_and_each_changed_bucket(bench: Bench) -> None:
    await bench.store.add([new_post(f"p{n}", instrument_id=bench.ids["AAPL"]) for n in range(3)])
    assert [one["symbol"] for one in await bench.events("posts.v1")] == ["AAPL"] * 3
    told = await bench.events("sentiment.v1")
    assert [(one["length_s"], one["count"], one["revision"], one["final"]) for one in told] == [
        (3600, 3, 1, False),
        (86400, 3, 1, False),
    ]
    assert told[0]["low"] < told[0]["score"] < told[0]["high"]


async def test_a_late_post_makes_its_bucket_anew(bench: Bench) -> None:
    number = bench.ids["AAPL"]
    await bench.store.add([new_post("p1", instrument_id=number, posted_at=noon(3))])
    await bench.store.add([new_post("p2", instrument_id=number, posted_at=noon(1))])
    await bench.store.add([new_post("late", instrument_id=number, posted_at=noon(3), score=-0.5)])
    first = (await bench.store.buckets(number, DAY_S, BEGIN, END))[0]
    assert (first.start, first.bucket.posts, first.revision) == (day_of(noon(3)), 2, 2)


async def test_a_version_grows_for_the_instruments_of_a_post_alone(bench: Bench) -> None:
    await bench.store.add([new_post("p1", instrument_id=bench.ids["AAPL"])])
    assert (await bench.store.followed("AAPL")).version == 1
    assert (await bench.store.followed("MSFT")).version == 0
    with pytest.raises(UnknownInstrumentError):
        await bench.store.followed("NONE")


async def test_an_instrument_that_is_deleted_takes_its_posts_with_it(bench: Bench) -> None:
    await bench.store.add([new_post("p1", instrument_id=bench.ids["AAPL"])])
    await bench.owner.execute("DELETE FROM instrument WHERE symbol = 'AAPL'")
    assert await bench.store.posts(bench.ids["AAPL"], day_of(noon()), day_of(noon()) + DAY) == []
