import asyncio

import pytest

from stock_analysis.kit import health as module
from stock_analysis.kit.health import Health


async def well() -> str:
    return "1.2"


async def ill() -> None:
    raise ConnectionError("connection refused")


async def test_it_is_ready_when_every_required_part_works() -> None:
    report = await Health({"database": well}, {"cache": well}).report()
    assert report.ready
    assert [(part.name, part.healthy, part.version) for part in report.parts] == [
        ("database", True, "1.2"),
        ("cache", True, "1.2"),
    ]


async def test_a_required_part_that_is_down_makes_it_unready_and_says_why() -> None:
    report = await Health({"database": ill}, {}).report()
    assert not report.ready
    assert report.parts[0].reason == "connection refused"


async def test_an_optional_part_that_is_down_is_shown_and_costs_nothing_else() -> None:
    report = await Health({}, {"cache": ill}).report()
    assert report.ready
    assert not report.parts[0].healthy


async def test_a_stopping_process_is_unready_though_its_parts_work() -> None:
    health = Health({"database": well}, {})
    assert (await health.report()).ready
    health.stopping = True
    report = await health.report()
    assert (report.ready, report.stopping) == (False, True)


async def test_a_part_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(module, "CHECK_TIMEOUT_S", 0.05)
    report = await Health({"database": hang}, {}).report()
    assert report.parts[0].reason == "no answer within 0.05 s"


async def test_asking_often_does_not_ask_the_parts_as_often() -> None:
    calls = 0

    async def count() -> None:
        nonlocal calls
        calls += 1

    health = Health({"database": count}, {})
    await asyncio.gather(*(health.report() for _ in range(50)))
    assert calls == 1
    await asyncio.sleep(module.REUSE_S + 0.05)
    await health.report()
    assert calls == 2
