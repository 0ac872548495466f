"""What every event log does, whatever carries it."""

import asyncio
import uuid

from stock_analysis.kit.event_logs import open_event_log
from stock_analysis.kit.events import (
    Event,
    EventLog,
    Partition,
    Place,
    Reader,
    Record,
    Topic,
    following,
)
from stock_analysis.kit.settings import Settings

TOPICS = (Topic.BARS, Topic.ALERTS, Topic.LIVE)
"""Those of the suite; `prepare` would make all, three times on Kafka."""

WAIT_S = 20.0


def own_topics() -> Settings:
    """Settings with topics of one test's own."""
    return Settings.model_validate({"events_prefix": f"{uuid.uuid4().hex}."})


def event(key: str, number: int, topic: str = Topic.BARS) -> Event:
    return Event(topic, key, f'{{"n":{number}}}'.encode(), "test", sequence=number, epoch="e")


async def take(reader: Reader, count: int) -> list[Record]:
    """So many records, or as many as come."""
    found: list[Record] = []
    while len(found) < count:
        batch = await reader.read(limit=100, wait_s=WAIT_S)
        if not batch:
            break
        found += batch
    return found


async def starts(log: EventLog, topic: str = Topic.BARS) -> dict[Partition, str]:
    return {one.partition: one.start for one in await log.partitions([topic])}


class EventLogContract:
    """The suite; a subclass in a file of its own gives `event_log`."""

    async def test_published_events_are_read_as_they_were(self, event_log: EventLog) -> None:
        sent = [event("AAPL", 1), Event("prices.bars.v1", "MSFT", b"\x00\xff", "test", request_id="abcdefgh")]
        await event_log.publish(sent)
        async with event_log.reader(await starts(event_log)) as reader:
            found = await take(reader, 2)
        assert sorted((one.event for one in found if one.event), key=lambda one: one.key) == sent

    async def test_events_of_a_key_keep_their_order_over_many_batches(self, event_log: EventLog) -> None:
        keys = [f"K{number}" for number in range(7)]
        for start in range(0, 300, 100):
            await event_log.publish([event(keys[n % 7], n) for n in range(start, start + 100)])
        async with event_log.reader(await starts(event_log)) as reader:
            found = await take(reader, 300)
        for key in keys:
            own = [one.event.sequence for one in found if one.event and one.event.key == key]
            assert own == [n for n in range(300) if keys[n % 7] == key]
        assert len({one.partition for one in found if one.event and one.event.key == "K1"}) == 1

    async def test_reading_goes_on_behind_a_position(self, event_log: EventLog) -> None:
        await event_log.publish([event("AAPL", n) for n in range(10)])
        begin = await starts(event_log)
        async with event_log.reader(begin) as reader:
            found = await take(reader, 10)
        later = begin | {found[3].partition: found[3].position}
        async with event_log.reader(later) as reader:
            again = await take(reader, 6)
        assert [one.event.sequence for one in again if one.event] == [4, 5, 6, 7, 8, 9]
        behind = await event_log.behind({found[3].partition: found[3].position})
        assert behind[found[3].partition] in (6, 7)  # on Kafka, the end of the transaction is one more

    async def test_nothing_new_is_an_empty_answer_in_time(self, event_log: EventLog) -> None:
        async with event_log.reader(await starts(event_log)) as reader:
            assert await reader.read(limit=10, wait_s=0.05) == []

    async def test_a_follower_meets_what_comes_later_only(self, event_log: EventLog) -> None:
        await event_log.publish([event("AAPL", 1)])
        async with event_log.reader(await starts(event_log)) as reader:
            assert len(await take(reader, 1)) == 1  # Kafka commits a moment after it says so
        async with following(event_log, [Topic.BARS]) as reader:
            await event_log.publish([event("AAPL", 2)])
            found = await take(reader, 1)
        assert [one.event.sequence for one in found if one.event] == [2]

    async def test_a_reader_waits_for_what_comes(self, event_log: EventLog) -> None:
        async with following(event_log, [Topic.BARS, Topic.ALERTS]) as reader:
            await reader.read(limit=10, wait_s=0.05)
            waiting = asyncio.create_task(take(reader, 1))
            await asyncio.sleep(0.1)
            await event_log.publish([event("AAPL", 5, Topic.ALERTS)])
            found = await waiting
        assert [one.partition.topic for one in found] == [Topic.ALERTS]

    async def test_events_that_may_be_lost_are_emitted_at_once(self, event_log: EventLog) -> None:
        async with following(event_log, [Topic.LIVE]) as reader:
            await event_log.emit([event("AAPL", 0, Topic.LIVE)])
            found = await take(reader, 1)
        assert [one.event.key for one in found if one.event] == ["AAPL"]

    async def test_what_was_emitted_last_arrives_though_the_log_is_closed_at_once(
        self, event_log: EventLog, settings: Settings
    ) -> None:
        """As the end of a replay is told."""
        async with following(event_log, [Topic.LIVE]) as reader:
            async with open_event_log(settings) as other:
                await other.emit([event("AAPL", n, Topic.LIVE) for n in range(5)])
            found = await take(reader, 5)
        assert [one.event.sequence for one in found if one.event] == [0, 1, 2, 3, 4]

    async def test_a_position_is_known_for_kept_or_beyond(self, event_log: EventLog) -> None:
        await event_log.publish([event("AAPL", n) for n in range(3)])
        begin = await starts(event_log)
        async with event_log.reader(begin) as reader:
            found = await take(reader, 3)
        place, end = found[0].partition, found[-1].position
        assert await event_log.place(place, begin[place]) is Place.KEPT
        assert await event_log.place(place, end) is Place.KEPT
        at, _, rest = end.partition("-")
        assert await event_log.place(place, f"{int(at) + 10**6}{_ and '-'}{rest}") is Place.BEYOND

    async def test_a_topic_keeps_its_identity(self, event_log: EventLog) -> None:
        (first, *_), (again, *_) = [await event_log.partitions([Topic.BARS]) for _ in range(2)]
        assert first.identity == again.identity
        await event_log.publish([event("AAPL", 1)])
        (later, *_) = await event_log.partitions([Topic.BARS])
        assert later.identity == first.identity

    async def test_the_log_says_what_it_is(self, event_log: EventLog) -> None:
        assert (await event_log.check()).split()[0] in {"Valkey", "Kafka"}
