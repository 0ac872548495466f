"""`stock-analysis events dead list | replay | dismiss` as processes, beside a consumer that fails."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from stock_analysis.kit.consumers import Consumer
from stock_analysis.kit.event_logs import open_event_log
from stock_analysis.kit.events import Event, Topic
from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment
from tests.integration.events.flow_contract import flowing
from tests.integration.events.ledger import apply, effects, open_ledger, until, write
from tests.integration.events.test_valkey_flow import flow_settings

__all__ = ["flow_settings"]

PROGRAM = Path(sys.executable).with_name("stock-analysis")


async def events(settings: Settings, *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of `stock-analysis events ...`."""
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    environ = os.environ | environment(settings)
    process = await asyncio.create_subprocess_exec(str(PROGRAM), "events", *words, env=environ, **pipes)  # type: ignore[arg-type]  # of subprocess
    output, errors = await process.communicate()
    assert "Traceback" not in errors.decode()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def listed(settings: Settings, *words: str) -> list[dict[str, Any]]:
    code, output, errors = await events(settings, "dead", "list", "--json", *words)
    assert code == 0, errors
    found: list[dict[str, Any]] = json.loads(output)["items"]
    return found


async def test_what_was_set_aside_is_listed_tried_again_and_given_up(
    flow_settings: Settings, pool: asyncpg.Pool
) -> None:
    poison = {2, 4}

    async def picky(connection: asyncpg.Connection, batch: Sequence[Event]) -> None:
        await apply(connection, batch)
        if bad := poison & {orjson.loads(event.data)["n"] for event in batch}:
            raise ArithmeticError(f"{min(bad)} is too much")

    await open_ledger(pool, ["K1"])
    assert (await events(flow_settings, "dead", "list"))[1] == "nothing was set aside\n"
    async with (
        open_event_log(flow_settings) as log,
        flowing(flow_settings, log, consumer=Consumer("ledger", (Topic.BARS,), picky)),
    ):
        async with pool.acquire() as connection:
            await write(connection, "K1", count=5)

        async def aside() -> bool:
            return bool(await pool.fetchval("SELECT count(*) = 2 FROM dead_letter"))

        await until(aside)
        first, second = (one["id"] for one in await listed(flow_settings))
        code, output, _ = await events(flow_settings, "dead", "list", "--consumer", "ledger")
        assert (code, output.count("ArithmeticError: "), "K1" in output) == (0, 2, True)
        assert "set aside 2 of prices.bars.v1 by ledger" in (await events(flow_settings, "status"))[1]

        code, output, _ = await events(flow_settings, "dead", "replay", str(first))
        assert (code, output.splitlines()[0]) == (3, "0 replayed, 1 failed again, 0 wait")
        poison.remove(2)
        code, output, _ = await events(flow_settings, "dead", "replay", str(first))
        assert (code, output) == (0, "1 replayed, 0 failed again, 0 wait\n")

        code, output, _ = await events(flow_settings, "dead", "dismiss", str(second))
        assert (code, output) == (0, "1 dismissed\n")
        assert await listed(flow_settings) == []
        states = {one["id"]: one["state"] for one in await listed(flow_settings, "--all")}
        assert states == {first: "replayed", second: "dismissed"}
        code, _, errors = await events(flow_settings, "dead", "replay", str(second))
        assert (code != 0, f"not open, or not there: {second}" in errors) == (True, True)
        assert (await events(flow_settings, "dead", "dismiss"))[0] != 0
    assert sorted((await effects(pool))["K1"]) == [1, 2, 3, 5]
