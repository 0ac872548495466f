"""The dump of a backup, given out opened: what `stockops move` fills the other side from."""

import subprocess

import pytest

from tests.integration.ops.backed_up import ADD, LEDGER, made, verb
from tests.integration.ops.instance import Instance


def read_dump(instance: Instance, backup: str) -> "subprocess.CompletedProcess[bytes]":
    python, dash, module, _, *rest = instance.command("backup")
    command = [python, dash, module, "backup", "read-dump", backup, *rest]
    environment = instance.variables()
    return subprocess.run(command, capture_output=True, cwd="/", env=environment, check=False, **instance.who)


@pytest.mark.timeout(300)
def test_a_dump_is_given_out_whole_and_a_changed_one_or_none_is_told(stubbed: Instance) -> None:
    stubbed.up()
    stubbed.sql(LEDGER)
    stubbed.sql(ADD.format(300))
    full = made(verb(stubbed, "backup", "create", "--full", "--dump"))
    without = made(verb(stubbed, "backup", "create"))
    done = read_dump(stubbed, full)
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [stubbed.psql().with_name("pg_restore"), "--list"], input=done.stdout, capture_output=True, check=True
    )
    assert b"TABLE DATA public ledger" in listed.stdout
    none = read_dump(stubbed, without)
    assert (none.returncode, none.stdout) == (1, b"")
    assert f"{without} has no logical dump".encode() in none.stderr
    dump = stubbed.backups / "backups" / full / "dump.pgdump.zst.age"
    data = bytearray(dump.read_bytes())
    data[len(data) // 2] ^= 1
    dump.write_bytes(data)
    changed = read_dump(stubbed, full)
    assert changed.returncode == 1
    assert b"not what the manifest names" in changed.stderr
