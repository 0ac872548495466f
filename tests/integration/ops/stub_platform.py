"""Stands in for `stock-analysis` where a test needs a platform that misbehaves on command.

It reads the same settings file. STUB_<COMMAND>=exit:N, sleep:N or until:FILE bends one command.
"""

import http.server
import json
import os
import signal
import socket
import sys
import time
import tomllib
from pathlib import Path


def main() -> None:
    command = sys.argv[1]
    _bend(os.environ.get(f"STUB_{command.upper().replace('-', '_')}", ""))
    if command == "serve":
        _serve(tomllib.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_text()))
    else:
        settings = tomllib.loads(Path(os.environ["STOCK_CONFIG_FILE"]).read_text())
        socket.create_connection((settings["database_host"], settings["database_port"]), 5).close()
        sys.stdout.write(json.dumps({"message": f"{command} done"}) + "\n")


def _bend(order: str) -> None:
    what, _, value = order.partition(":")
    if what == "exit":
        sys.stderr.write("error: the stub was told to fail\n")
        sys.exit(int(value))
    if what == "sleep":
        time.sleep(float(value))
    while what == "until" and not Path(value).exists():
        time.sleep(0.05)


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
