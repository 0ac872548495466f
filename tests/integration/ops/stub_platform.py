"""Stands in for `stock-analysis` where a test needs a platform that misbehaves on command.

It reads the same settings file, and makes the one table that the part `backup` writes to.
STUB_<COMMAND>=exit:N, sleep:N or until:FILE bends one command.
"""

import asyncio
import http.server
import json
import os
import signal
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

HEARTBEAT = """
CREATE TABLE IF NOT EXISTS ops_heartbeat (
    id smallint PRIMARY KEY CHECK (id = 1), beat_at timestamptz NOT NULL
)
"""


def main() -> None:
    command = sys.argv[1]
    _bend(os.environ.get(f"STUB_{command.upper().replace('-', '_')}", ""))
    if command == "serve":
        _serve(tomllib.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_text()))
    elif command == "config":
        _judge(tomllib.loads(Path(os.environ["STOCK_CONFIG_FILE"]).read_text()))
    else:
        settings = tomllib.loads(Path(os.environ["STOCK_CONFIG_FILE"]).read_text())
        password = Path(settings["database_passwords"], settings["database_user"]).read_text().strip()
        asyncio.run(_make_heartbeat(settings, password))
        sys.stdout.write(json.dumps({"message": f"{command} done"}) + "\n")


async def _make_heartbeat(settings: dict[str, Any], password: str) -> None:
    import asyncpg  # late: a page is served without it

    connection = await asyncpg.connect(
        host=settings["database_host"],
        port=settings["database_port"],
        user=settings["database_user"],
        password=password,
        database=settings["database_name"],
    )
    await connection.execute(HEARTBEAT)
    await connection.execute("GRANT SELECT, INSERT, UPDATE ON ops_heartbeat TO stock_backup")
    await connection.close()


def _bend(order: str) -> None:
    what, _, value = order.partition(":")
    if what == "exit":
        sys.stderr.write("error: the stub was told to fail\n")
        sys.exit(int(value))
    if what == "sleep":
        time.sleep(float(value))
    while what == "until" and not Path(value).exists():
        time.sleep(0.05)


def _judge(settings: dict[str, Any]) -> None:
    unknown = settings.keys() - {"host", "log_level", "drain_s"}
    if unknown:
        sys.exit("\n".join(f"stock-analysis: {name}: no such setting" for name in sorted(unknown)))


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"ready": True, "stopping": False, "parts": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def _serve(settings: dict[str, object]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    http.server.ThreadingHTTPServer(
        (str(settings["host"]), int(str(settings["port"]))), _Handler
    ).serve_forever()


if __name__ == "__main__":
    main()
