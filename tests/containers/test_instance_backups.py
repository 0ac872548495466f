"""Backups of the stack by its own part: made, checked, rehearsed, and restored into an empty instance."""

import json
import re
import time
from collections.abc import Callable
from functools import partial

from tests.containers.images import Image
from tests.containers.instance import BACKUP, Instance
from tests.containers.podman import run, wait_for
from tests.containers.test_stack import AAPL, known_closes

Report = Callable[[str, str], None]
TABLES = """
SELECT string_agg(format('SELECT %L, count(*), coalesce(sum(hashtext(t::text)), 0) FROM %s t', oid::regclass,
    oid::regclass), ' UNION ALL ' ORDER BY oid::regclass::text)
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname !~ '^(ops|event)_'
"""
BUCKET = """
services:
  s3:
    image: {image}
    command: [serve, --host, 127.0.0.1, --port, "9000", --data-dir, /data]
    environment: {{NANIO_ACCESS_KEY: test-key, NANIO_SECRET_KEY: test-secret}}
    volumes: ["s3:/data"]
    networks:
      data: {{aliases: [backup]}}
      storage: {{}}
  backup:
    network_mode: "service:s3"
    hostname: !reset null
    networks: !reset null
  restore:
    network_mode: "service:s3"
    hostname: !reset null
    networks: !reset null
volumes:
  s3: {{}}
"""
S3 = 's3_endpoint = "http://127.0.0.1:9000"\nstorage = "s3://backups/stack"\n'
KEYS = 'access_key_id = "test-key"\nsecret_access_key = "test-secret"\n'


def content(instance: Instance) -> dict[str, tuple[str, str]]:
    """Rows and a sum of hashes of every table; the heartbeat beats on, and the relay publishes anew."""

    def sql(statement: str) -> str:
        return run(
            *("podman", "exec", instance.container("postgresql"), "psql", "-U", "postgres"),
            *("-d", "stock_analysis", "-AtF,", "-c", statement),
        ).stdout

    rows = [line.split(",") for line in sql(sql(TABLES)).splitlines()]
    found = {table: (count, total) for table, count, total in rows}
    return found | {"outbox": (found["outbox"][0], "")}


def lose_the_database(instance: Instance) -> None:
    """Its container and its volume, as a disk that died."""
    run("podman", "rm", "-f", instance.container("postgresql"))
    run("podman", "volume", "rm", f"{instance.project}_postgresql")


def chart(instance: Instance) -> list[float]:
    closes: list[float] = instance.get("/api/v1/stocks/AAPL/chart", **AAPL).json()["c"]
    return closes


def test_backups_are_made_listed_and_found_whole(instance: Instance) -> None:
    full = instance.told("backup", "create", "--full")
    assert full["kind"] == "full"
    assert full["rows"] > 28_000
    next_one = instance.told("backup", "create")
    assert (next_one["kind"], next_one["parent"]) == ("incr", full["backup"])
    listed = [one["id"] for one in instance.told("backup", "list")["backups"]]
    assert {full["backup"], next_one["backup"]} <= set(listed)
    assert instance.told("backup", "verify", next_one["backup"])["ok"] is True
    assert instance.told("backup", "show", full["backup"])["ok"] is True
    unknown = instance.stockops("backup", "show", "20200101T000000Z-full", check=False)
    assert unknown.returncode == 1


def test_a_drill_in_the_container_restores_and_draws_a_chart(instance: Instance, report: Report) -> None:
    found = instance.told("drill")
    outcomes = {check["name"]: check["outcome"] for check in found["checks"]}
    assert set(outcomes.values()) == {"passed"}
    assert {"content", "recovery", "read_paths", "indexes", "dump"} <= outcomes.keys()
    report("drill in a container", f"{found['times']}")


def test_a_sabotage_drill_in_the_container_finds_every_damage(instance: Instance) -> None:
    found = instance.told("drill", "--sabotage")
    outcomes = {check["name"]: check["outcome"] for check in found["checks"]}
    assert set(outcomes.values()) == {"passed"}
    assert {"change_value", "empty_table", "flip_base", "flip_log"} <= outcomes.keys()


def test_data_with_an_extension_are_recovered_by_the_image_that_has_it_and_by_no_other(
    instance: Instance, stock_ops: Image
) -> None:
    """Without its server a drill does not begin."""
    assert stock_ops.sh("find /opt /usr -name 'timescaledb*'") == ""
    run("podman", "stop", "-t", "10", instance.container("drill-database"))
    hindered = json.loads(instance.stockops("drill", "--json", check=False).stdout)
    assert (hindered["ok"], hindered["outcome"]) == (False, "not_run")
    assert "No container with the database's image" in hindered["error"]["why"]
    degraded = instance.told("status", check=False)
    assert {part["name"] for part in degraded["parts"] if part["state"] != "healthy"} == {"drill-database"}
    instance.stockops("up")
    assert instance.told("status")["state"] == "running"


def test_a_killed_backup_part_comes_back_by_itself_and_archives_on(instance: Instance) -> None:
    before = instance.state(BACKUP)["Pid"]
    instance.kill_hard(BACKUP)
    wait_for(lambda: instance.state(BACKUP)["Pid"] not in {0, before}, lambda: instance.logs(BACKUP))
    wait_for(partial(is_archived, instance), lambda: instance.logs(BACKUP))
    assert instance.told("status")["backups"]["archive"]["streaming"] is True


def test_a_lost_database_comes_back_with_every_table(instance: Instance, report: Report) -> None:
    wait_for(partial(is_archived, instance), lambda: instance.logs(BACKUP))
    known = {one["id"] for one in instance.told("backup", "list")["backups"]}
    before = content(instance)
    assert int(before["bar_1d"][0]) > 28_000
    assert instance.told("down")["archive_trouble"] is None
    assert instance.told("status", check=False)["state"] == "stopped"
    lose_the_database(instance)
    started = time.monotonic()
    found = instance.told("restore", "--yes")
    took_s = time.monotonic() - started
    assert found["ok"] is True
    assert "restore-database" not in run("podman", "ps", "-a", "--format", "{{.Names}}").stdout
    instance.stockops("up")
    assert content(instance) == before
    assert chart(instance) == known_closes()
    report("restore in a container", f"{took_s:.1f} s, {len(before)} tables compared")
    made = instance.told("backup", "create")  # on the new timeline, where the part may have made a full one
    assert made["kind"] == "full" or made["parent"] not in known


def test_backups_go_to_an_s3_server_and_come_back_from_it(instance: Instance, report: Report) -> None:
    """The server shares the loopback of the part, because keys go over http to loopback alone."""
    overlay, settings = instance.overlay.read_text(), instance.data / "config" / "backup.toml"
    credentials = settings.with_name("backup-credentials.toml")
    instance.overlay.write_text(merged(overlay, BUCKET.format(image=instance.standins.s3)))
    settings.write_text(S3)
    credentials.write_text(KEYS)
    credentials.chmod(0o600)
    try:
        instance.start_beside("s3")
        instance.stockops("up")
        made = instance.told("backup", "create", "--full")
        assert instance.told("backup", "list")["storage"] == "s3://backups/stack"
        wait_for(partial(is_archived, instance), lambda: instance.logs(BACKUP))
        before = content(instance)
        instance.stockops("down")
        lose_the_database(instance)
        assert instance.told("restore", "--yes")["ok"] is True
        instance.stockops("up")
        assert content(instance) == before
        report("S3", f"{made['stored_bytes']:,} bytes stored; restored, {len(before)} tables compared")
        for secret in ("test-secret",):
            assert secret not in str(instance.inspect(BACKUP)) + instance.logs(BACKUP)
    finally:
        instance.overlay.write_text(overlay)
        settings.unlink()
        credentials.unlink()
        instance.stop_beside("s3")
        instance.stockops("up")
        # The volume knows the part of before the restore: status tells to type this.
        instance.stockops("backup", "writer", "take-over", "--yes")
        instance.stockops("backup", "create", "--full")


def merged(overlay: str, more: str) -> str:
    """Both overlays as one: the second's services go under the first's."""
    services = re.search(r"^services:\n(.*?)(?=^\S|\Z)", more, re.MULTILINE | re.DOTALL)
    assert services
    return overlay + services[1] + more[services.end() :]


def is_archived(instance: Instance) -> bool:
    """Whether the storage has all that the database has written."""
    told = json.loads(instance.stockops("status", "--json", check=False).stdout)["backups"]
    lag_s = told["archive"]["lag_s"] if told else None
    return lag_s is not None and lag_s < 5
