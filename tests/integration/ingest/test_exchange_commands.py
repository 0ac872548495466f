"""`stock-analysis exchange`, on a real database."""

import json
import os
import subprocess
import sys
from pathlib import Path

import asyncpg

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment, instrument, store_instrument


def run(database: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("stock-analysis")), "exchange", *arguments]
    env = os.environ | environment(database)
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


async def test_markets_are_listed_added_and_their_days_corrected(
    database: Settings, pool: asyncpg.Pool
) -> None:
    number = await store_instrument(pool, instrument("TEST"))
    lagos = ("--name", "Lagos", "--timezone", "Africa/Lagos", "--currency", "NGN")
    assert run(database, "add", "XNSA", *lagos, "--hours", "10:00-14:30", "--suffix", ".LG").returncode == 0
    listed = {one["mic"]: one for one in json.loads(run(database, "list", "--json").stdout)}
    assert listed["XNSA"]["calendar"] == "weekdays 10:00-14:30 Africa/Lagos"
    assert listed["XNSA"]["suffixes"] == ["LG"]
    assert len(listed) > 80
    done = run(database, "session", "xnas", "2024-11-28", "--hours", "09:30-13:00", "--note", "half a day")
    assert "XNYS" in done.stdout
    assert await pool.fetchval("SELECT count(*) FROM calendar_change WHERE calendar = 'XNYS'") == 1
    assert await pool.fetchval("SELECT version FROM instrument WHERE id = $1", number) == 1
    assert run(database, "session", "XNYS", "2024-11-28", "--reset").returncode == 0
    assert await pool.fetchval("SELECT count(*) FROM calendar_change") == 0
    for wrong, says in (
        (("session", "XNYX", "2024-11-28", "--closed"), "XNYS"),
        (("session", "XNYS", "2024-11-31", "--closed"), "is no date"),
        (("session", "XNYS", "2024-11-28", "--hours", "9-13"), "are no hours"),
        (("session", "XNYS", "2024-11-28"), "say one of"),
        (("add", "XNYS", *lagos, "--hours", "10:00-14:30"), "is shipped"),
        (("add", "XNSB", *lagos), "say either"),
    ):
        refused = run(database, *wrong)
        assert refused.returncode == 1, wrong
        assert says in refused.stderr
        assert "Traceback" not in refused.stderr
