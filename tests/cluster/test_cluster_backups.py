"""Backups in the cluster by the chart's own part: made, looked at, asked for by a deploy, restored from."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx

from tests.cluster.cluster import until
from tests.cluster.release import NAME, Release
from tests.cluster.test_install import RANGE
from tests.containers.test_instance_backups import TABLES

FOLLOWED = """
grep -qF "$(head -n 1 /run/secrets/stock_backup)" /var/lib/stock-ops/backup/pgpass && echo yes || echo no
"""
"""Whether PostgreSQL's own programs know the password of now."""
Report = Callable[[str, str], None]
POD, SERVER = f"{NAME}-backup-0", f"{NAME}-postgresql-0"
ASK = """
from urllib.request import urlopen
print(urlopen("http://127.0.0.1:8003/status", timeout=9).read().decode())
"""


def told(release: Release, *words: str, code: int = 0) -> dict[str, Any]:
    """What a verb on the backups says to a program."""
    where = ("--environment", str(release.environment()))
    return release.stockops("--target", "kubernetes", *words, *where, code=code)


def account(release: Release) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(release.k("exec", POD, "--", "python3", "-c", ASK))
    return found


def is_archived(release: Release) -> bool:
    """Whether the storage has all that the database has written."""
    lag_s = account(release)["archive"]["lag_s"]
    return lag_s is not None and lag_s < 5


def content(release: Release, server: str = SERVER) -> dict[str, tuple[str, str]]:
    """Rows and a sum of hashes of every table; but the relay publishes the outbox anew, and the
    sentiment-service deletes its keys of days that are over."""

    def sql(statement: str) -> str:
        return release.k(
            "exec", server, "--", "psql", "-U", "postgres", "-d", "stock_analysis", "-AtF,", "-c", statement
        )

    rows = [line.split(",") for line in sql(sql(TABLES)).splitlines()]
    found = {table: (count, total) for table, count, total in rows}
    found.pop("sentiment_author_key")
    return found | {"outbox": (found["outbox"][0], "")}


def test_backups_are_made_listed_and_found_whole(installed: Release) -> None:
    full = told(installed, "backup", "create", "--full")
    assert full["kind"] == "full"
    assert full["rows"] > 28_000
    # With another password from here on, in a pod that goes on.
    where = ("--folder", installed.secrets, "--environment", installed.environment())
    installed.stockops("secrets", "rotate", "stock_backup", *where)
    until(lambda: installed.k("exec", POD, "--", "sh", "-c", FOLLOWED).strip() == "yes", seconds=30)
    next_one = told(installed, "backup", "create")
    assert (next_one["kind"], next_one["parent"]) == ("incr", full["backup"])
    listed = [one["id"] for one in told(installed, "backup", "list")["backups"]]
    assert {full["backup"], next_one["backup"]} <= set(listed)
    assert told(installed, "backup", "verify", next_one["backup"])["ok"] is True
    unknown = told(installed, "backup", "show", "20200101T000000Z-full", code=1)
    assert "20200101T000000Z-full" in unknown["error"]["why"]


def test_a_deploy_asks_how_old_the_newest_backup_is(installed: Release) -> None:
    def check(hours: int) -> dict[str, Any]:
        environment = installed.environment({"deploy": {"backupWithinHours": hours}}, name="asks")
        checks = installed.stockops("diff", environment)["checks"]
        (found,) = (dict(one) for one in checks if one["check"] == "backup")
        return found

    newest = max(one["finished_at"] for one in account(installed)["backups"])
    assert datetime.now(UTC) - datetime.fromisoformat(newest) < timedelta(hours=1)
    found = check(1)
    assert found["state"] == "ok"
    assert "account of the part backup" in found["detail"]


def test_a_killed_writer_comes_back_by_itself_and_archives_on(installed: Release) -> None:
    before = installed.pods("backup")[0]["metadata"]["uid"]
    installed.k("delete", "pod", POD, "--grace-period=0", "--force")
    until(
        lambda: (
            [one["metadata"]["uid"] for one in installed.pods("backup")] not in ([], [before])
            and installed.ready("backup")
        ),
        telling=installed.told,
    )
    until(partial(is_archived, installed), telling=lambda: str(account(installed)))
    until(lambda: account(installed)["archive"]["streaming"] is True, telling=lambda: str(account(installed)))


def lose_the_database(release: Release) -> None:
    """Volume and pod, as with a disk that died: the StatefulSet begins a new, empty database by itself."""
    release.k("delete", "pvc", f"data-{SERVER}", "--wait=false")
    uid = release.pods("postgresql")[0]["metadata"]["uid"]
    release.k("delete", "pod", SERVER, "--grace-period=0", "--force")
    until(
        lambda: release.ready("postgresql") and release.pods("postgresql")[0]["metadata"]["uid"] != uid,
        telling=release.told,
    )


def test_a_lost_database_comes_back_with_every_table(
    installed: Release, client: httpx.Client, report: Report
) -> None:
    until(partial(is_archived, installed), telling=lambda: str(account(installed)))
    closes = client.get("/api/v1/stocks/AAPL/chart", params=RANGE).json()["c"]
    before = content(installed)
    assert int(before["bar_1d"][0]) > 28_000
    known = {one["id"] for one in told(installed, "backup", "list")["backups"]}
    lose_the_database(installed)
    refused = told(installed, "restore", code=1)
    assert refused["error"]["kind"] == "NotConfirmedError"
    started = time.monotonic()
    found = told(installed, "restore", "--new-volume", "--yes")
    took_s = time.monotonic() - started
    assert found["target"] == "latest point"
    assert content(installed) == before
    until(lambda: client.get("/readyz").status_code == 200, seconds=60, telling=installed.told)
    assert client.get("/api/v1/stocks/AAPL/chart", params=RANGE).json()["c"] == closes
    steps = {one["title"]: one["seconds"] for one in found["steps"]}
    report("restore in the cluster", f"{took_s:.0f} s, {len(before)} tables compared, {steps}")
    until(partial(is_archived, installed), telling=lambda: str(account(installed)))
    made = told(installed, "backup", "create")
    assert made["kind"] == "full" or made["parent"] not in known
    workloads = installed.cluster.get("-n", installed.namespace, "deploy,sts", "--show-managed-fields")[
        "items"
    ]
    owners = {one["manager"] for workload in workloads for one in workload["metadata"]["managedFields"]}
    assert "stockops" not in owners, "a later deploy could not change the number of pods"
