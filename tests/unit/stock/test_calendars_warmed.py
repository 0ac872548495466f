"""Calendars built ahead of the first request, in a process of its own that is told to stop meanwhile."""

import subprocess
import sys

PROGRAM = """
import asyncio, time
from stock_analysis.stock import service

class Store:
    async def calendars(self):
        return ["XKRX", "XNYS"]

def build(name):
    print("building", name, flush=True)
    time.sleep(60)

async def serve():
    await service.warm_calendars(Store())
    await asyncio.sleep(0.2)

service.load_calendar = build
asyncio.run(serve())
"""


def test_a_process_that_builds_a_calendar_does_not_wait_for_it_to_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=30
    )
    assert (done.stdout, done.stderr) == ("building XKRX\n", "")
