"""Backups of 1 GiB of bars: `python -m tests.bench.backups`; `make bench` has them, too.

The cluster is made once, as `stockops up` makes it, and everything is measured on it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice, takewhile
from pathlib import Path
from statistics import mean, median

import psutil

from stock_ops.archive.facts.state import observe_archive, wait_until_shipped
from stock_ops.backup.facts.creation import CreationFacts, observe_creation
from stock_ops.backup.runners.base_backup import take_base
from stock_ops.backup.runners.leftovers import discard_backup
from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.kit.layout import BACKUP_ROLE
from stock_ops.kit.leashing import leashed
from stock_ops.local.facts.folder import size_bytes
from stock_ops.local.facts.part import read_part_memory
from stock_ops.storage.manifest import Manifest, load_manifest
from stock_ops.storage.objects import backup_id, manifest_of
from tests.bench.bars import BARS, BIN, SYMBOLS, write_bars
from tests.bench.http import Answer, ask_all, request_bytes, timing
from tests.bench.table import Row, show
from tests.integration.ops.backed_up import verb
from tests.integration.ops.instance import Instance, wait_for

ROUNDS = 4
READ_ROUNDS = 3
QUIET_CHARTS = 600

FILL = """
INSERT INTO bar_1m
SELECT 10000 + instrument, timestamptz '2024-01-02 14:30+00' + number * interval '1 min',
       100 + cents / 100.0, 100 + (cents + 40) / 100.0, 100 + (cents - 40) / 100.0,
       100 + (cents + (number * 7919) % 40) / 100.0, (number * 104729) % 1000000
FROM generate_series(1, 90) AS instrument,
     generate_series(1, 105000::bigint) AS number,
     LATERAL (SELECT ((number * 2654435761 + instrument * 40503) % 5000)::int AS cents) AS walk
"""
"""1 GiB with the index."""
SETTLE = "VACUUM (FREEZE, ANALYZE)"
"""What the server does by itself soon after an import."""
A_DAY = """
INSERT INTO bar_1m
SELECT 10000 + instrument, timestamptz '2024-06-01 14:30+00' + number * interval '1 min',
       100, 101, 99, 100.5, 1000
FROM generate_series(1, 90) AS instrument, generate_series(1, 390) AS number
"""


def measure_backups() -> Iterator[Row]:
    """Base backup beside its peer, an incremental backup of a day, a verification, and a restore of both."""
    with a_gibibyte_of_bars() as instance:
        yield measure_lag(instance)
        yield measure_base(instance)
        full = create(instance, "--full")
        instance.sql(A_DAY)
        yield measure_incremental(full, create(instance))
        yield measure_verification(instance, full)
        yield measure_reads(instance)
        yield measure_restore(instance)


@contextmanager
def a_gibibyte_of_bars() -> Iterator[Instance]:
    """The running platform with its sample and the bars; its backups hold no dump."""
    base = Path(tempfile.mkdtemp(prefix="stockops-bench-"))
    base.chmod(0o711)
    instance = Instance(base / "data")
    instance.layout.config.mkdir(parents=True)
    instance.data.chmod(0o711)
    instance.layout.backup_settings.write_text('dump = "never"\n')
    instance.layout.overrides.write_text("rate_limit_per_minute = 0\n")
    try:
        instance.up()
        create(instance)  # or the first scheduled one would begin in the middle of everything
        instance.sql(FILL)
        instance.sql(SETTLE)
        written = int(instance.sql("SELECT pg_switch_wal() - '0/0'"))
        wait_until_shipped(observe(instance).storage, written, 600, timeline=1)
        yield instance
    finally:
        instance.remove()
        shutil.rmtree(base)


def measure_lag(instance: Instance) -> Row:
    """How old the newest log is that a loss of this machine would take along, while the platform imports."""
    path = instance.data.parent / "bars_1d_bench.parquet"
    write_bars(path)
    variables = instance.variables(STOCK_CONFIG_FILE=f"{instance.layout.platform_config}")
    command, started = [f"{BIN / 'stock-analysis'}", "import", f"{path}"], time.perf_counter()
    lags: list[float] = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=variables, cwd="/") as importing:
        while importing.poll() is None:
            archive = observe_archive(instance.layout)
            lags += [archive.lag_s] if archive and archive.lag_s is not None else []
            time.sleep(0.1)
    rate = SYMBOLS * BARS / (time.perf_counter() - started)
    instance.sql(SETTLE)
    return Row(
        f"lag of the archive in a steady import of {rate:,.0f} bars/s",
        "<= 5 s",
        f"at most {max(lags):.1f} s, {mean(lags):.1f} s on average",
        met=importing.returncode == 0 and max(lags) <= 5,
    )


def measure_base(instance: Instance) -> Row:
    """Seconds of the base backup and of the bare programs; in turns, each first in half of the rounds."""
    facts = observe(instance)
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(ROUNDS):
        if number % 2:
            ours.append(take_ours(facts))
        theirs.append(take_theirs(facts))
        if not number % 2:
            ours.append(take_ours(facts))
    ratio = median(ours) / median(theirs)
    return Row(
        f"base backup of {gibibytes(facts.server.size_bytes)}: compressed, encrypted, three checksums",
        "<= 1.1x bare pg_basebackup",
        f"{median(ours):.1f} s ({ratio:.2f}x; all: {told(ours)})",
        f"pg_basebackup | zstd -1 -T2: {median(theirs):.1f} s (all: {told(theirs)})",
        ratio <= 1.1,
    )


def observe(instance: Instance) -> CreationFacts:
    """What a backup knows when it begins."""
    variables = {"XDG_CONFIG_HOME": str(instance.settings)}
    return observe_creation(instance.layout, read_backup_settings(instance.layout, variables))


def take_ours(facts: CreationFacts) -> float:
    """Seconds from the first byte until it is safe on the disk of the storage."""
    backup = backup_id(facts.now, "full")
    seconds = take_base(facts, backup, None, lambda _: None).duration_s
    discard_backup(facts.storage, backup)
    return seconds


def take_theirs(facts: CreationFacts) -> float:
    """Seconds of the bare programs, with the same compression, until the file is safe on the same disk."""
    tools, target = facts.tools, Path(facts.settings.storage) / "peer.tar.zst"
    program = [str(tools.folder / "pg_basebackup"), "-D", "-", "-Ft", "-X", "none", "-c", "fast", "-w"]
    program += ["-h", "127.0.0.1", "-p", str(facts.address.port), "-U", BACKUP_ROLE]
    line = leashed(tools.programs.python, tools.programs.leash, "KILL", tools.account, program, os.getpid())
    variables = os.environ | {"PGPASSFILE": str(tools.passfile)}
    started = time.perf_counter()
    with target.open("wb") as file:
        source = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=variables, cwd="/"
        )
        subprocess.run(["zstd", "-q", "-1", "-T2"], stdin=source.stdout, stdout=file, check=True)
        os.fsync(file.fileno())
    seconds = time.perf_counter() - started
    if source.wait() != 0:
        raise RuntimeError("the peer's pg_basebackup failed")
    target.unlink()
    return seconds


def create(instance: Instance, *arguments: str) -> Manifest:
    """`stockops backup create`."""
    backup = verb(instance, "backup", "create", *arguments)["backup"]
    return load_manifest((instance.backups / manifest_of(backup)).read_bytes())


def measure_incremental(full: Manifest, day: Manifest) -> Row:
    """Size of what a day's import changes."""
    share = day.stored_bytes / full.stored_bytes
    return Row(
        f"incremental backup of a day's import ({day.rows - full.rows:,} of {day.rows:,} bars)",
        "<= 5 % of a full one",
        f"{day.stored_bytes / 2**20:.1f} MiB ({share:.1%}), {day.duration_s:.1f} s",
        f"full: {full.stored_bytes / 2**20:.0f} MiB",
        day.kind == "incr" and share <= 0.05,
    )


def measure_verification(instance: Instance, full: Manifest) -> Row:
    """Seconds of `stockops backup verify`, the start of Python included."""
    seconds = timed(lambda: verb(instance, "backup", "verify", full.id))
    return Row("reading the full backup back, every checksum compared", "-", f"{seconds:.1f} s")


def measure_restore(instance: Instance) -> Row:
    """Seconds of `stockops restore`, every table compared; the start of Python included."""
    rows = instance.sql("SELECT count(*) FROM bar_1m")
    instance.down()
    size = size_bytes(instance.layout.postgresql / "base")
    seconds = timed(lambda: verb(instance, "restore", "--yes"))
    instance.up()
    same = instance.sql("SELECT count(*) FROM bar_1m") == rows
    return Row(
        f"restore of {gibibytes(size)} from a full and an incremental backup, every table compared",
        "<= 60 s",
        f"{seconds:.1f} s",
        met=same and seconds <= 60,
    )


def measure_reads(instance: Instance) -> Row:
    """Charts that nobody asked for before: while nothing else is done, and while full backups are made.

    In turns, and many of them: of 150 charts the p99 is the second slowest, and as random as that.
    """
    instance.layout.backup_settings.unlink()  # with a dump, as is usual
    requests = fresh_charts(instance)
    quiet: list[Answer] = []
    busy: list[Answer] = []
    ask_all(instance.port, islice(requests, 20))
    for _ in range(READ_ROUNDS):
        wait_for(lambda: not read_part_memory(instance.layout).prune_wanted, "the prune is done", 300)
        quiet += ask_all(instance.port, islice(requests, QUIET_CHARTS))
        python, dash, module, _, *rest = instance.command("backup")
        command = [python, dash, module, "backup", "create", *rest, "--full"]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, env=instance.variables(), cwd="/"
        ) as backup:
            wait_for(is_copied, "the base backup runs")
            busy += ask_all(instance.port, takewhile(lambda _: backup.poll() is None, requests))
        if backup.returncode != 0:
            raise RuntimeError("the backup failed")
    before, during = timing(quiet), timing(busy)
    ratio = during.p99_ms / before.p99_ms
    return Row(
        f"a chart from the database during {READ_ROUNDS} full backups with dumps ({len(busy):,} charts)",
        "p99 <= 2x quiet",
        f"p99 {during.p99_ms:.1f} ms ({ratio:.1f}x), p50 {during.p50_ms:.1f} ms",
        f"quiet ({len(quiet):,}): p99 {before.p99_ms:.1f} ms, p50 {before.p50_ms:.1f} ms",
        ratio <= 2,
    )


def fresh_charts(instance: Instance) -> Iterator[bytes]:
    """Requests for charts, each with an average of another length or of another symbol."""
    symbols = [one["symbol"] for one in instance.get("/api/v1/stocks?query=&limit=200")["items"]]
    for length in range(10, 500):
        for symbol in symbols:
            yield request_bytes(f"/api/v1/stocks/{symbol}/chart?i=rsi(14)&i=sma({length})")


def is_copied() -> bool:
    """Whether pg_basebackup runs."""
    return any(process.info["name"] == "pg_basebackup" for process in psutil.process_iter(["name"]))


def timed(work: Callable[[], object]) -> float:
    """Seconds of a piece of work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def gibibytes(size: int) -> str:
    """A size for people."""
    return f"{size / 2**30:.2f} GiB"


def told(seconds: list[float]) -> str:
    """All rounds."""
    return ", ".join(f"{one:.1f}" for one in seconds)


def main() -> None:
    """The rows of the backups alone."""
    rows = list(measure_backups())
    show(rows)
    sys.exit(1 if any(row.met is False for row in rows) else 0)


if __name__ == "__main__":
    main()
