"""A backup opened and recovered by age, zstd, tar and PostgreSQL alone: nothing of stock_ops helps."""

import asyncio
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pyrage
import zstandard

from stock_analysis.testing.postgres import unprivileged_user
from stock_analysis.testing.processes import Server, free_port, user_group
from tests.integration.ops.instance import Instance, wait_for


class Hand:
    """Opens the objects of a storage with the private key of an instance."""

    def __init__(self, instance: Instance, read: Callable[[str], bytes]) -> None:
        key = next(instance.settings.rglob("*.key")).read_text().split("\n")[-2]
        self._identity = pyrage.x25519.Identity.from_str(key)
        self._read = read

    def open(self, name: str) -> bytes:
        """age -d < OBJECT | zstd -d"""
        packed = io.BytesIO(pyrage.decrypt(self._read(name), [self._identity]))
        return zstandard.ZstdDecompressor().stream_reader(packed).read()

    def unpack(self, backup: str, folder: Path) -> Path:
        """... | tar x"""
        with tarfile.open(fileobj=io.BytesIO(self.open(f"backups/{backup}/base.tar.zst.age"))) as archive:
            archive.extractall(folder, filter="tar")
        give(folder)
        return folder

    def fetch_log(self, segments: list[str], folder: Path) -> Path:
        """Segments under their own names."""
        folder.mkdir()
        for segment in segments:
            (folder / segment).write_bytes(self.open(f"wal/{segment[:8]}/{segment}.zst.age"))
        give(folder)
        return folder


def give(folder: Path) -> None:
    """To the user who runs PostgreSQL."""
    folder.chmod(0o700)
    if user := unprivileged_user():
        subprocess.run(["chown", "-R", f"{user}:{user_group(user)}", folder], check=True)


def run_tool(instance: Instance, *command: str | Path) -> None:
    """One of PostgreSQL's programs, as the user who runs it."""
    program, *arguments = command
    user = unprivileged_user()
    subprocess.run(
        [instance.psql().with_name(str(program)), *arguments],
        check=True,
        cwd="/",
        user=user,
        group=user_group(user),
        extra_groups=[] if user else None,
        env={"PATH": os.environ["PATH"]},
    )


@contextmanager
def recovered(instance: Instance, cluster: Path, log: Path, mark: str) -> Iterator[Callable[[], Any]]:
    """A server that has recovered to the mark and waits there; gives what opens a connection to it."""
    (cluster / "recovery.signal").touch()
    with (cluster / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"restore_command = 'cp {log}/%f %p'\nrecovery_target_name = '{mark}'\n")
        settings.write("recovery_target_action = 'pause'\n")
    give(cluster)
    port, user = free_port(), unprivileged_user()
    output = cluster.parent / f"{cluster.name}.log"
    output.touch()
    output.chmod(0o666)
    options = ["-c", f"port={port}", "-c", "summarize_wal=off"]
    server = Server([instance.psql().with_name("postgres"), "-D", cluster, *options], output, user)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            host="127.0.0.1",
            port=port,
            user="postgres",
            password=superuser(instance),
            database="stock_analysis",
        )

    try:
        wait_for(lambda: asyncio.run(_is_there(connect)), f"recovery to {mark}", 60)
        yield connect
    finally:
        server.stop()


def superuser(instance: Instance) -> str:
    """Password of the superuser."""
    return str(json.loads(instance.layout.secrets.read_text())["superuser"])


async def _is_there(connect: Callable[[], Any]) -> bool:
    try:
        connection = await connect()
    except (OSError, asyncpg.PostgresError):
        return False
    try:
        return bool(await connection.fetchval("SELECT pg_get_wal_replay_pause_state()") == "paused")
    finally:
        await connection.close()
