"""The consumer of the ledger in a process of its own, to be killed."""

import asyncio

from stock_analysis.kit.consumers import ConsumerRunner
from stock_analysis.kit.db import Role
from stock_analysis.kit.event_logs import open_event_log
from stock_analysis.kit.settings import load_settings
from tests.integration.events.ledger import LEDGER


async def main() -> None:
    settings = load_settings().settings
    async with open_event_log(settings) as log:
        await ConsumerRunner(settings, log, LEDGER, Role.RELAY).run()


if __name__ == "__main__":
    asyncio.run(main())
