"""The gateway in a process of its own, before a service in the same process that takes its time.

Arguments: port drain_s shutdown_timeout_s request_timeout_s. Paths: /api/v1/stocks/<seconds> answers in ten
pieces that long.
"""

import asyncio
import sys

import uvloop
from starlette.types import Receive, Scope, Send

from stock_analysis.gateway.backups import open_backup_part
from stock_analysis.gateway.endpoints import create_app
from stock_analysis.gateway.upstream import AsgiUpstream
from stock_analysis.kit import protocol, server
from stock_analysis.kit.db import Role, open_pool
from stock_analysis.kit.health import Health
from stock_analysis.kit.logging import configure_logging
from stock_analysis.kit.settings import Settings
from stock_analysis.kit.valkey import open_valkey


async def slow_service(scope: Scope, receive: Receive, send: Send) -> None:
    del receive
    pause_s = float(scope["path"].rsplit("/", 1)[1]) / 10
    headers = [(b"content-length", b"100000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for piece in range(10):
        await asyncio.sleep(pause_s)
        body = bytes([48 + piece]) * 10_000
        await send({"type": "http.response.body", "body": body, "more_body": piece < 9})


async def main(port: int, drain_s: float, shutdown_timeout_s: float, request_timeout_s: float) -> None:
    settings = Settings.model_validate(
        {
            "drain_s": drain_s,
            "shutdown_timeout_s": shutdown_timeout_s,
            "request_timeout_s": request_timeout_s,
            "rate_limit_per_minute": 0,
        }
    )
    configure_logging("test", "json", "info")
    health = Health({}, {})
    async with (
        await open_pool(settings, Role.GATEWAY, application_name="test") as pool,
        open_valkey(settings) as valkey,
        open_backup_part(settings) as backups,
    ):
        app = create_app(settings, AsgiUpstream(slow_service), health, pool, valkey, backups)
        await server.serve(app, health, settings, port=port)


if __name__ == "__main__":
    protocol.HEAD_TIMEOUT_S = 1.0
    uvloop.run(main(int(sys.argv[1]), *map(float, sys.argv[2:5])))
