"""The page says how to bring everything back without this program; it is followed to the letter."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stock_analysis.testing.postgres import unprivileged_user
from stock_analysis.testing.processes import user_group
from tests.integration.ops.archived import wait_until_shipped
from tests.integration.ops.backed_up import ADD, LEDGER, made, verb
from tests.integration.ops.instance import Instance
from tools.generate import BACKUPS

AGE = """
import pathlib, pyrage, sys
_, d, i, key, path = sys.argv
assert (d, i) == ("-d", "-i")
identity = pyrage.x25519.Identity.from_str(pathlib.Path(key).read_text().split()[-1])
sys.stdout.buffer.write(pyrage.decrypt(pathlib.Path(path).read_bytes(), [identity]))
"""
ZSTD = """
import sys, zstandard
assert sys.argv[1:] == ["-dc"]
zstandard.ZstdDecompressor().copy_stream(sys.stdin.buffer, sys.stdout.buffer)
"""


@pytest.fixture
def tools(stubbed: Instance, base: Path) -> Path:
    """age and zstd, those of other makers where they are installed; and PostgreSQL, which refuses root."""
    folder = base / "tools"
    folder.mkdir()
    for name, text in (("age", AGE), ("zstd", ZSTD)):
        write(
            folder / name,
            f'exec {shutil.which(name) or sys.executable + " " + str(folder / name) + ".py"} "$@"',
        )
        (folder / f"{name}.py").write_text(text)
    user = unprivileged_user()
    become = (
        f"chown -R {user}:{user_group(user)} . && exec setpriv --reuid {user} --regid {user_group(user)} "
    )
    for name in ("pg_verifybackup", "pg_combinebackup", "pg_ctl"):
        program = stubbed.psql().with_name(name)
        write(folder / name, f'{become}--clear-groups {program} "$@"' if user else f'exec {program} "$@"')
    return folder


def write(script: Path, line: str) -> None:
    script.write_text(f"#!/bin/sh\n{line}\n")
    script.chmod(0o755)


@pytest.fixture
def work(tools: Path, base: Path) -> Iterator[Path]:
    """An empty folder; the server that was started there is stopped at the end."""
    folder = base / "work"
    folder.mkdir(mode=0o755)
    yield folder
    if (folder / "cluster" / "postmaster.pid").exists():
        subprocess.run([tools / "pg_ctl", "-D", "cluster", "-m", "immediate", "stop"], cwd=folder, check=True)


@pytest.mark.timeout(600)
def test_the_recipe_of_the_page_brings_back_everything_that_reached_the_storage(
    stubbed: Instance, tools: Path, work: Path
) -> None:
    stubbed.up()
    stubbed.sql(LEDGER)
    stubbed.sql(ADD.format(300))
    full = made(verb(stubbed, "backup", "create"))
    stubbed.sql(ADD.format(70))
    increment = made(verb(stubbed, "backup", "create"))
    stubbed.sql(ADD.format(20))
    stubbed.sql("SELECT pg_switch_wal()")
    stubbed.sql(ADD.format(5))
    wait_until_shipped(stubbed)
    stubbed.down()
    recipe = re.search(r"```sh\n(.*?)```", BACKUPS.read_text(), re.DOTALL)
    assert recipe
    given = {
        "KEY": str(next(stubbed.settings.rglob("*.key"))),
        "STORAGE": str(stubbed.backups),
        "CHAIN": f"{full} {increment}",
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["/bin/sh", "-c", recipe[1]], env=given, cwd=work, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(stubbed) == "395"


def rows(instance: Instance) -> str:
    """The port and the passwords are those of the machine that was backed up."""
    return instance.sql("SELECT count(*) FROM ledger")
