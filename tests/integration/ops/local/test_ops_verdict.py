"""Nothing is green that is not: a table that was dropped, rows that are gone, a disk that is full."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stock_ops.storage.objects import manifest_of
from tests.integration.ops.backed_up import made, verb
from tests.integration.ops.instance import Instance, wait_for
from tests.integration.ops.template import Template

pytestmark = pytest.mark.server


def findings(verdict: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {one["kind"]: one for one in verdict["findings"]}


def test_a_dropped_table_and_index_are_seen_by_doctor_status_and_backup(used: Instance) -> None:
    used.up()
    clean = used.run("doctor", "--json").json
    assert "structure-changed" not in findings(clean["verdict"])
    verb(used, "backup", "create")
    used.sql("DROP TABLE calendar_change CASCADE")
    used.sql("DROP INDEX import_run_started")

    doctor = used.run("doctor", "--json")
    assert doctor.code == 1
    told = findings(doctor.json["verdict"])["structure-changed"]
    assert "table public.calendar_change" in told["why"]
    assert "index CREATE INDEX" in told["why"]
    assert told["runbook"] == "stockops runbook structure-changed"

    status = used.run("status")
    assert status.code == 3
    assert "public.calendar_change" in status.out
    assert "everything works" not in status.out
    assert f"stockops runbook --data {used.data} structure-changed" in status.unwrapped

    (found,) = (
        one for one in verb(used, "backup", "create")["findings"] if one["kind"] == "structure-changed"
    )
    assert "public.calendar_change" in found["why"]


def test_rows_that_are_gone_between_backups_are_a_warning_of_backup_and_page(used: Instance) -> None:
    used.up()
    before = verb(used, "backup", "create")
    assert before["findings"] == []
    used.sql("DELETE FROM bar_1d")
    after = verb(used, "backup", "create")
    (found,) = after["findings"]
    assert found["kind"] == "tables-shrunk"
    assert "public.bar_1d has 0 of" in found["why"]

    def page() -> dict[str, dict[str, str]]:
        return findings(used.get("/api/v1/operations")["verdict"])

    wait_for(lambda: "tables-shrunk" in page(), "the page says so")
    assert page()["tables-shrunk"]["severity"] == "warning"
    assert "tables-shrunk" in findings(used.status()["verdict"])


def test_a_deleted_manifest_of_the_newest_backup_is_said(used_stub: Instance) -> None:
    used_stub.up()
    newest = made(verb(used_stub, "backup", "create"))
    wait_for(lambda: used_stub.status()["backups"]["backups"], "the part has seen it")
    (used_stub.backups / manifest_of(newest)).unlink()
    wait_for(lambda: "backup-missing" in findings(used_stub.status()["verdict"]), "it is said")
    assert newest in findings(used_stub.status()["verdict"])["backup-missing"]["why"]
    used_stub.down()
    used_stub.up()
    wait_for(lambda: "backup-missing" in findings(used_stub.status()["verdict"]), "still, after a new start")


def test_a_deleted_record_of_the_owner_is_said(used_stub: Instance) -> None:
    used_stub.up()
    verb(used_stub, "backup", "create")
    (used_stub.backups / "repository.json").unlink()
    used_stub.sql("CREATE TABLE more AS SELECT generate_series(1, 1000) AS n")
    found: dict[str, dict[str, str]] = {}

    def said() -> bool:
        found.update(findings(used_stub.status()["verdict"]))
        return "storage-unreachable" in found

    wait_for(said, "it is said")
    assert "repository.json, the record of its owner, is missing" in found["storage-unreachable"]["why"]


# --- a full disk --------------------------------------------------------------------------------

_MIB = 2**20


@pytest.fixture
def small_disk(base: Path) -> Iterator[Path]:
    """A file system of its own, of 1.2 GiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    folder = base / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200m,mode=755", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.root
def test_a_disk_that_fills_warns_twice_and_then_postgresql_s_own_line_is_the_reason(
    small_disk: Path, stub_template: Template
) -> None:
    instance = Instance(small_disk / "data", stub=True)
    stub_template.give(instance)
    instance.layout.backup_settings.write_text(f'storage = "{small_disk.parent / "backups"}"\n')
    try:
        instance.up()
        ballast = small_disk / "ballast"

        def leave(mebibytes: int) -> None:
            with ballast.open("ab") as file:
                found = os.statvfs(small_disk)
                file.write(bytes(max(0, found.f_bavail * found.f_frsize - mebibytes * _MIB)))

        def worst() -> str | None:
            known = findings(instance.status()["verdict"])
            return next((kind for kind in ("disk-full", "disk-filling") if kind in known), None)

        assert worst() is None
        leave(170)
        assert worst() == "disk-filling"
        leave(60)
        assert worst() == "disk-full"
        metrics = instance.run("status", "--json").json["disk"]
        assert metrics["free_bytes"] < 96 * _MIB

        def write() -> None:
            """The next file of the log, until there is no room for one; what was given back is taken, too."""
            leave(0)
            subprocess.run(
                [
                    instance.psql(),
                    *_address(instance),
                    *("-c", "SELECT pg_logical_emit_message(true, 'full', 'disk')"),
                    *("-c", "SELECT pg_switch_wal()"),
                ],
                env=_password(instance),
                capture_output=True,
                check=False,
            )

        def said() -> bool:
            write()
            told = findings(instance.status()["verdict"])["disk-full"]["why"]
            return told.startswith("PostgreSQL has no room: ") and "No space left on device" in told

        wait_for(said, "PostgreSQL has stopped, and its own line is the reason", limit_s=240)
        ballast.unlink()
        instance.up()
        assert worst() is None
    finally:
        instance.remove()


def _address(instance: Instance) -> list[str]:
    port = instance.part("postgresql")["port"]
    return ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-d", "stock_analysis"]


def _password(instance: Instance) -> dict[str, str]:
    import json

    return {"PGPASSWORD": json.loads(instance.layout.secrets.read_text())["superuser"]}
