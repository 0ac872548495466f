"""A replay as a client of the live stream sees it: the stored minutes again, and nothing is written."""

import json
import urllib.request
from typing import Any

import pytest

from stock_analysis.kit.db import Role, open_pool
from stock_analysis.testing.platform import Platform
from tests.integration.live.wire import Mirror, replaying, wire

SPECS = ["rsi(14)", "macd(12,26,9)", "ema(20)"]


def get(platform: Platform, path: str) -> Any:
    with urllib.request.urlopen(platform.url + path) as answer:  # noqa: S310 - our own address on loopback
        return json.loads(answer.read())


async def rows_of(platform: Platform) -> tuple[Any, ...]:
    async with await open_pool(platform.settings, Role.OWNER, application_name="test") as pool:
        row = await pool.fetchrow(
            "SELECT (SELECT count(*) FROM bar_1m), (SELECT count(*) FROM bar_1d),"
            " (SELECT count(*) FROM import_run), (SELECT count(*) FROM quarantine),"
            " (SELECT sum(version) FROM instrument)"
        )
    return tuple(row)


@pytest.mark.parametrize("interval", ["1m", "5m", "1h", "1d", "1w"])
async def test_what_a_client_puts_together_is_stored_so(sample_platform: Platform, interval: str) -> None:
    before = await rows_of(sample_platform)
    mirror = Mirror()
    async with (
        replaying(sample_platform.settings, "ES", "--from", "2013-09-03T12:31", "--speed", "600"),
        wire(sample_platform.url) as client,
    ):
        await client.ask(op="subscribe", id=1, symbol="ES", interval=interval, indicators=SPECS, limit=5000)
        while True:
            message = await client.until(lambda _: True)
            mirror.take(message)
            if message.get("state") == "ended":
                break
    specs = "&".join(f"i={one}" for one in SPECS)
    stored = get(sample_platform, f"/api/v1/stocks/ES/chart?interval={interval}&limit=5000&{specs}")
    replayed = [one for one in client.seen if one["type"] == "snapshot" and one["feed"] == "replay"]
    assert replayed, "it is marked as a replay"
    assert mirror.gaps == 0
    assert mirror.closed_changed == 0
    closed = [t for t, state in mirror.states.items() if state == "closed"]
    assert len(closed) >= len(stored["t"]) - 1
    place = {t: row for row, t in enumerate(stored["t"])}
    for t in mirror.bars:
        assert mirror.bars[t] == [stored[name][place[t]] for name in "ohlcv"], t
    for one in stored["indicators"]:
        for name, column in one["outputs"].items():
            for t in closed:
                assert mirror.indicators[one["spec"]][name][t] == column[place[t]], (one["spec"], t)
    assert await rows_of(sample_platform) == before


DAYS = ("--from", "2000-03-01", "--until", "2000-03-08")


async def test_days_are_played_as_minutes_and_come_out_as_they_are_stored(sample_platform: Platform) -> None:
    """AAPL has no minutes; the way inside each day is made up, and every message says so."""
    before = await rows_of(sample_platform)
    mirror = Mirror()
    async with (
        wire(sample_platform.url) as client,
        replaying(sample_platform.settings, "AAPL", "--from-days", *DAYS, "--speed", "0") as process,
    ):
        await client.ask(op="subscribe", id=1, symbol="AAPL", interval="1d", adjustment="raw", limit=20)
        while True:
            message = await client.until(lambda _: True)
            if message.get("state") == "ended":
                break
            if message.get("feed") == "replay":
                assert message["made_up"] is True
            mirror.take(message)
        output, _ = await process.communicate()
    told = output.decode()
    assert process.returncode == 0, told
    assert "The days are real; the way inside each day is made up" in told
    assert "done: 1,950 minutes played" in told
    days = "interval=1d&adjustment=raw&from=2000-03-01&to=2000-03-07"
    stored = get(sample_platform, f"/api/v1/stocks/AAPL/chart?{days}")
    assert len(stored["t"]) == 5
    for row, t in enumerate(stored["t"]):
        *prices, volume = mirror.bars[t]
        assert prices == [stored[name][row] for name in "ohlc"], t
        assert volume == pytest.approx(stored["v"][row])
    assert max(mirror.bars) == stored["t"][-1]
    assert await rows_of(sample_platform) == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("AAPL",), "AAPL has daily bars only, and a replay plays minutes; with --from-days the days"),
        (("ES", "--from-days"), "ES has minutes only; play them without --from-days"),
        (("AAPL", "--from-days", "--from", "yesterday"), "--from 'yesterday' is no date or time"),
        (
            ("AAPL", "--from-days", "--from", "2090-01-01"),
            "there is nothing to play: the newest 1d bar of AAPL",
        ),
        (("NOSUCH", "--from-days"), "NOSUCH"),
    ],
)
async def test_what_cannot_be_played_is_refused_in_words(
    sample_platform: Platform, words: tuple[str, ...], told: str
) -> None:
    async with replaying(sample_platform.settings, *words) as process:
        output, _ = await process.communicate()
    assert process.returncode not in (0, None)
    assert told in " ".join(output.decode().split())
    assert "Traceback" not in output.decode()
