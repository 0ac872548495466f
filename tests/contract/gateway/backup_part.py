"""A stand-in for the backup part of stockops: the answer that each test wants of it."""

import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


class BackupPartStub:
    """GET /status on a free loopback port, answering what `say` was told last."""

    def __init__(self) -> None:
        self.say(200, b"{}")
        self.asked = 0
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked += 1
                time.sleep(stub.pause_s)
                self.send_response(stub.status if self.path == "/status" else 404)
                for name, value in stub.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(stub.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def say(self, status: int, body: bytes, *, pause_s: float = 0, **headers: str) -> None:
        """Answer so from now on."""
        self.status, self.body, self.pause_s, self.headers = status, body, pause_s, headers

    def tell(self, report: dict[str, Any]) -> None:
        """Answer 200 with this report from now on."""
        self.say(200, orjson.dumps(report))

    def stop(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()


def backup_report(now: datetime = NOW, **changes: Any) -> dict[str, Any]:
    """A week with daily backups, a gap of two hours, and five drills of which the third failed."""
    first = now - timedelta(days=7)
    gap = {"after": first + timedelta(days=3), "before": first + timedelta(days=3, hours=2)}
    return {
        "storage": {"where": "/srv/backups", "used_bytes": 812_000_000, "free_bytes": 91_000_000_000},
        "backups": [_backup(first + timedelta(days=day), day) for day in range(7)],
        "wal": {"first_point": first, "last_point": now - timedelta(seconds=2), "gaps": [gap]},
        "archive": {
            "streaming": True,
            "shipped_lsn": "0/3000028",
            "lag_s": 1.4,
            "slot_retained_bytes": 16_777_216,
            "wal_status": "reserved",
            "last_error": None,
        },
        "retention": {"keep_days": 30, "keep_full": 2, "full_every_days": 7, "drill_every_days": 7},
        "schedule": {
            "next_backup_at": now + timedelta(hours=15),
            "next_drill_at": now + timedelta(days=2),
        },
        "drills": [_drill(first + timedelta(days=day), day) for day in range(1, 6)],
        "verdict": {"state": "ok", "headline": "everything works", "findings": []},
        "disks": [],
        "warnings": [],
    } | changes


def nothing_yet(now: datetime = NOW, **changes: Any) -> dict[str, Any]:
    """Just switched on: no backup, no drill, nothing to recover."""
    nothing = {"backups": [], "drills": [], "wal": {"first_point": None, "last_point": None, "gaps": []}}
    return backup_report(now, **nothing) | changes


def _backup(at: datetime, day: int) -> dict[str, Any]:
    kind = "full" if day == 0 else "incr"
    return {
        "id": f"{at:%Y%m%dT%H%M%SZ}-{kind}",
        "kind": kind,
        "finished_at": at + timedelta(seconds=20),
        "mark_at": at + timedelta(seconds=12),
        "size_bytes": 402_653_184 if day == 0 else 9_437_184 + day * 1_000_000,
        "duration_s": 14.2 if day == 0 else 2.1,
        "verified_at": at + timedelta(minutes=5) if day != 6 else None,
    }


def _drill(at: datetime, day: int) -> dict[str, Any]:
    passed = day != 3
    return {
        "id": f"{at:%Y%m%dT%H%M%SZ}",
        "started_at": at,
        "outcome": "passed" if passed else "failed",
        "rpo_s": 1.1 + day / 2 if passed else None,
        "rto_s": 20.0 + day * 3 if passed else None,
    }
