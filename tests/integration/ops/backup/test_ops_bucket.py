"""Backups in a bucket: of a user without rights, and of a platform that wants keys."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.ops.storage.s3_server import BUCKET, S3Server
from tests.integration.ops.backed_up import ADD, LEDGER, read_ledger, verb
from tests.integration.ops.instance import Instance


@pytest.fixture
def server(base: Path) -> Iterator[S3Server]:
    server = S3Server(base)
    yield server
    server.stop()


def keep_in(server: S3Server, instance: Instance) -> None:
    """Have it keep its backups there."""
    settings = instance.layout.backup_settings
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f's3_endpoint = "{server.bucket.endpoint}"\nstorage = "s3://{BUCKET}/ours"\n')
    if instance.user:
        for path in (instance.data, instance.layout.config):
            os.chown(path, instance.user, instance.user)
    instance.environment |= {
        "AWS_ACCESS_KEY_ID": server.bucket.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.bucket.secret_access_key,
    }


def test_a_user_without_rights_backs_up_and_restores(unprivileged: Instance, server: S3Server) -> None:
    keep_in(server, unprivileged)
    unprivileged.up()
    unprivileged.sql(LEDGER)
    unprivileged.sql(ADD.format(100))
    verb(unprivileged, "backup", "create")
    unprivileged.sql(ADD.format(50))
    rows, time = read_ledger(unprivileged), unprivileged.sql("SELECT clock_timestamp()")
    unprivileged.sql("DELETE FROM ledger")
    unprivileged.down()
    told = unprivileged.run("restore", "--yes", "--json", "--time", time)
    assert told.code == 0, told.out + told.err
    unprivileged.up()
    assert unprivileged.status()["state"] == "running"
    assert read_ledger(unprivileged) == rows


def test_a_drill_beside_a_platform_that_wants_keys_passes_and_says_what_it_could_not_compare(
    used: Instance, server: S3Server
) -> None:
    keep_in(server, used)
    used.layout.overrides.write_text('host = "0.0.0.0"\n')
    used.up()
    verb(used, "backup", "create")
    drill = verb(used, "drill")
    assert drill["outcome"] == "passed"
    charts = next(check for check in drill["checks"] if check["name"] == "read_paths")
    assert "not compared with the live one (it answers 401)" in charts["found"]
