"""`make bench`: prints the table of DESIGN's numbers, each measured beside a peer in the same run.

The machine is shared and noisy: read the ratios before the times.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx
import pandas as pd
import pandas_ta_classic
import psycopg
import ta
import talib

from stock_analysis.domain.bars import Adjustment, Interval
from stock_analysis.kit.db import Role, connect, open_pool
from stock_analysis.kit.settings import Settings
from stock_analysis.stock.repository import PostgresBarStore
from stock_analysis.stock.service import draw, parse_indicators
from stock_analysis.stock.window import Window
from stock_analysis.testing.builders import environment, random_bars, sessions
from stock_analysis.testing.postgres import PostgresCluster
from stock_analysis.testing.processes import free_port
from stock_analysis.testing.valkey import ValkeyServer
from tests.bench.backups import measure_backups
from tests.bench.bars import BARS, BIN, SYMBOLS, write_bars
from tests.bench.events import measure_events
from tests.bench.http import Timing, etag_of, request_bytes, saturate, time_requests
from tests.bench.live import measure_live
from tests.bench.load import measure_load
from tests.bench.table import Row, show

SPECS = ("rsi(14)", "macd(12,26,9)", "bbands(20)", "atr(14)", "sma(50)")
CHART = "/api/v1/stocks/B{}/chart?limit=3000" + "".join(f"&i={spec}" for spec in SPECS)


def main() -> None:
    """Measure everything, print the table, end with 1 if a goal is missed."""
    with tempfile.TemporaryDirectory() as folder:
        rows = list(measure_start(Path(folder)))
    postgres = PostgresCluster(fsync=True)
    valkey = ValkeyServer()
    try:
        settings = valkey.add_to(postgres.create_database())
        with tempfile.TemporaryDirectory() as folder:
            rows += measure_import(settings, Path(folder))
        rows += [*asyncio.run(measure_indicators(settings)), *measure_chart(settings)]
    finally:
        valkey.remove()
        postgres.remove()
    rows += measure_load()
    rows += measure_live()
    rows += measure_backups()
    rows += measure_events()
    show(rows)
    sys.exit(1 if any(row.met is False for row in rows) else 0)


def measure_start(folder: Path) -> Iterator[Row]:
    """A clone of what is committed: from nothing to a chart, and later starts; packages come from caches."""
    clone, data, port = folder / "clone", folder / "data", free_port()
    folder.chmod(0o755)
    started = time.perf_counter()
    run(["git", "clone", "-q", str(Path(__file__).parents[2]), str(clone)], folder)
    make = ["make", "-s", f"DATA={data}", f"PORT={port}"]
    run([*make, "up"], clone)
    chart = httpx.get(f"http://127.0.0.1:{port}/api/v1/stocks/AAPL/chart?i=rsi(14)&i=sma(50)")
    first = time.perf_counter() - started
    try:
        assert len(chart.json()["indicators"]) == 2
        nothing = timed(lambda: run([*make, "up"], clone))
        time.sleep(5)
        status = run([str(clone / ".venv/bin/stockops"), "status", "--json", "--data", str(data)], clone)
        memory = json.loads(status)["memory_bytes"] / 2**20
        run([*make, "down"], clone)
        again = timed(lambda: run([*make, "up"], clone))
    finally:
        run([*make, "down"], clone)
    yield Row(
        "git clone and make up, to AAPL with two indicators", "<= 60 s", f"{first:.1f} s", met=first <= 60
    )
    yield Row("make up again while it runs", "<= 5 s", f"{nothing:.1f} s", met=nothing <= 5)
    yield Row("make up after make down", "<= 5 s", f"{again:.1f} s", met=again <= 5)
    yield Row("memory at rest, all processes", "<= 400 MiB", f"{memory:.0f} MiB", met=memory <= 400)


def run(command: list[str], folder: Path) -> str:
    """Standard output of a command that must succeed."""
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def timed(work: Callable[[], object]) -> float:
    """Seconds of a piece of work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure_import(settings: Settings, folder: Path) -> Iterator[Row]:
    """Import of a Parquet file through the quality gate, and the same file once more."""
    path = folder / "bars_1d_bench.parquet"
    write_bars(path)
    first = run_import(settings, path)
    again = run_import(settings, path)
    total = SYMBOLS * BARS
    rowwise = asyncio.run(insert_row_by_row(settings, 20_000))
    batched = insert_many(settings, 100_000)
    rate = total / first
    yield Row(
        f"import {total:,} bars, gate included",
        ">= 150,000 bars/s, >= 10x",
        f"{rate:,.0f} bars/s ({rate / rowwise:.1f}x)",
        f"row-wise INSERT {rowwise:,.0f}/s, executemany {batched:,.0f}/s",
        rate >= 150_000 and rate >= 10 * rowwise,
    )
    yield Row("the same file again: nothing to do", "-", f"{again:.1f} s")


def run_import(settings: Settings, path: Path) -> float:
    """Seconds of the whole command, the start of Python included."""
    command = [str(BIN / "stock-analysis"), "import", str(path), "--json"]
    started = time.perf_counter()
    subprocess.run(command, env=os.environ | environment(settings), check=True, capture_output=True)
    return time.perf_counter() - started


async def insert_row_by_row(settings: Settings, count: int) -> float:
    """Rows a second of one INSERT a row, all in one transaction, into a table of the same shape."""
    connection = await connect(settings, Role.OWNER)
    await connection.execute("CREATE TABLE peer_bar (LIKE bar_1d INCLUDING ALL)")
    bars = random_bars(sessions("1995-01-03", 5000))
    values = [column.tolist() for column in bars.columns()[1:]]
    days = pd.to_datetime(bars.t, unit="s").date
    records = [
        (symbol, day, *row)
        for symbol in range(count // 5000)
        for day, row in zip(days, zip(*values, strict=True), strict=True)
    ]
    statement = await connection.prepare("INSERT INTO peer_bar VALUES ($1, $2, $3, $4, $5, $6, $7)")
    started = time.perf_counter()
    async with connection.transaction():
        for record in records:
            await statement.fetch(*record)
    seconds = time.perf_counter() - started
    await connection.close()
    return len(records) / seconds


def insert_many(settings: Settings, count: int) -> float:
    """Rows a second of psycopg's executemany, in one transaction."""
    bars = random_bars(sessions("1995-01-03", 5000))
    values = [column.tolist() for column in bars.columns()[1:]]
    days = pd.to_datetime(bars.t, unit="s").date
    records = [
        (1_000 + symbol, day, *row)
        for symbol in range(count // 5000)
        for day, row in zip(days, zip(*values, strict=True), strict=True)
    ]
    with psycopg.connect(url(settings)) as connection, connection.cursor() as cursor:
        started = time.perf_counter()
        cursor.executemany("INSERT INTO peer_bar VALUES (%s, %s, %s, %s, %s, %s, %s)", records)
        connection.commit()
        return len(records) / (time.perf_counter() - started)


async def measure_indicators(settings: Settings) -> list[Row]:
    """RSI, MACD, Bollinger bands and ATR of every symbol, from the database to arrays."""
    async with await open_pool(settings, Role.READER, application_name="bench") as pool:
        ours = await compute_from_database(pool)
    bars = [random_bars(sessions("2012-01-03", BARS), seed=seed) for seed in range(SYMBOLS)]
    started = time.perf_counter()
    for one in bars:
        talib.RSI(one.close, 14)
        talib.MACD(one.close)
        talib.BBANDS(one.close, 20)
        talib.ATR(one.high, one.low, one.close, 14)
    bare = time.perf_counter() - started
    frame = pd.DataFrame({"high": bars[0].high, "low": bars[0].low, "close": bars[0].close})
    with_ta, with_pandas_ta = (
        SYMBOLS * time_one(function, frame) for function in (compute_with_ta, compute_with_pandas_ta)
    )
    return [
        Row(
            f"RSI+MACD+BBANDS+ATR, {SYMBOLS} x {BARS:,} bars from the database",
            "<= 2x bare TA-Lib",
            f"{ours:.2f} s ({ours / bare:.1f}x)",
            f"without reading: TA-Lib {bare:.2f} s, ta {with_ta:.1f} s, pandas-ta {with_pandas_ta:.1f} s"
            f" (the last two: one symbol, times {SYMBOLS})",
            ours <= 2 * bare,
        )
    ]


async def compute_from_database(pool: asyncpg.Pool) -> float:
    """Seconds for reading and computing all symbols, one after the other."""
    store = PostgresBarStore(pool)
    requests = parse_indicators(("rsi(14)", "macd", "bbands(20)", "atr(14)"))
    window = Window(None, None, BARS)
    await store.snapshot("B0", Interval.D1)
    started = time.perf_counter()
    for number in range(SYMBOLS):
        snapshot = await store.snapshot(f"B{number}", Interval.D1)
        draw(snapshot, Interval.D1, Adjustment.SPLIT, window, requests)
    return time.perf_counter() - started


def compute_with_ta(frame: pd.DataFrame) -> None:
    """The four indicators by `ta`."""
    close = frame["close"]
    ta.momentum.RSIIndicator(close).rsi()
    macd = ta.trend.MACD(close)
    bands = ta.volatility.BollingerBands(close)
    for column in (macd.macd, macd.macd_signal, macd.macd_diff, bands.bollinger_hband, bands.bollinger_lband):
        column()
    ta.volatility.AverageTrueRange(frame["high"], frame["low"], close).average_true_range()


def compute_with_pandas_ta(frame: pd.DataFrame) -> None:
    """The four indicators by pandas-ta-classic, without its own use of TA-Lib."""
    close = frame["close"]
    pandas_ta_classic.rsi(close, talib=False)
    pandas_ta_classic.macd(close, talib=False)
    pandas_ta_classic.bbands(close, length=20, talib=False)
    pandas_ta_classic.atr(frame["high"], frame["low"], close, talib=False)


def time_one(function: Callable[[pd.DataFrame], None], frame: pd.DataFrame, rounds: int = 10) -> float:
    """Seconds of one call."""
    function(frame)
    started = time.perf_counter()
    for _ in range(rounds):
        function(frame)
    return (time.perf_counter() - started) / rounds


def measure_chart(settings: Settings) -> Iterator[Row]:
    """A chart of 3,000 bars and five indicators: first, repeated, unchanged; memory of the process."""
    with platform(settings) as port, peer(settings) as peer_port:
        time_requests(port, [request_bytes(CHART.format(0))] * 20)
        first = time_requests(port, [request_bytes(CHART.format(number)) for number in range(1, 301)])
        hot = request_bytes(CHART.format(1))
        repeated = time_requests(port, [hot] * 2000)
        unchanged = time_requests(
            port, [request_bytes(CHART.format(1), If_None_Match=etag_of(port, CHART.format(1)))] * 2000, 304
        )
        full = saturate(port, hot, clients=2, count=3000)
        theirs = time_requests(peer_port, [request_bytes("/chart/B1")] * 30)
    plain = f"SQLAlchemy + pandas p99 {theirs.p99_ms:.0f} ms, {theirs.per_second:.0f}/s"
    chart = f"chart, {BARS:,} bars + 5 indicators"
    yield Row(f"{chart}: first", "p99 <= 25 ms", latency(first), plain, first.p99_ms <= 25)
    yield Row(f"{chart}: repeated", "p99 <= 5 ms", latency(repeated), plain, repeated.p99_ms <= 5)
    yield Row(f"{chart}: unchanged (304)", "p99 <= 1 ms", latency(unchanged), plain, unchanged.p99_ms <= 1)
    yield Row(
        f"{chart}: repeated, two clients",
        ">= 1,500 requests/s",
        f"{full.per_second:,.0f}/s of {full.size_bytes / 1000:.0f} kB, p99 {full.p99_ms:.1f} ms",
        plain,
        full.per_second >= 1500,
    )


def latency(timing: Timing) -> str:
    """A timing as text."""
    return f"p99 {timing.p99_ms:.2f} ms, p50 {timing.p50_ms:.2f} ms"


@contextmanager
def platform(settings: Settings) -> Iterator[int]:
    """The platform as one process on a free port, without limits per client."""
    port = free_port()
    extra = {"STOCK_PORT": str(port), "STOCK_RATE_LIMIT_PER_MINUTE": "0", "STOCK_DRAIN_S": "0"}
    command = [str(BIN / "stock-analysis"), "serve"]
    with process(command, environment(settings) | extra, f"http://127.0.0.1:{port}/readyz"):
        yield port


@contextmanager
def peer(settings: Settings) -> Iterator[int]:
    """The peer's endpoint on a free port."""
    port = free_port()
    extra = {"PEER_PORT": str(port), "PEER_DATABASE": url(settings, "postgresql+psycopg")}
    with process([sys.executable, "-m", "tests.bench.peer"], extra, f"http://127.0.0.1:{port}/docs"):
        yield port


@contextmanager
def process(command: list[str], variables: dict[str, str], ready: str) -> Iterator[None]:
    """A process that answers at the address `ready`; stopped at the end."""
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, env=os.environ | variables, stderr=log) as child,
    ):
        try:
            wait_for(ready, child)
            yield
        finally:
            child.send_signal(signal.SIGTERM)


def wait_for(address: str, child: subprocess.Popen[bytes], patience_s: float = 60) -> None:
    """Return when the address answers 200."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and child.poll() is None:
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"{address} does not answer")


def url(settings: Settings, scheme: str = "postgresql") -> str:
    """The database's address for the peers' drivers; the password is that of a test server."""
    password = settings.database_password.get_secret_value() if settings.database_password else ""
    place = f"{settings.database_host}:{settings.database_port}/{settings.database_name}"
    return f"{scheme}://{settings.database_user}:{password}@{place}"


if __name__ == "__main__":
    main()
