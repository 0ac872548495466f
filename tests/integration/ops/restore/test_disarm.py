"""A backup that somebody else made is refused; one that was made with all keys of ours runs no command."""

import asyncio
import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from stock_ops.kit.accounts import service_account
from stock_ops.kit.errors import DamagedBackupError
from stock_ops.local.facts.programs import observe_programs
from stock_ops.restore.plans.recovery import Request
from stock_ops.restore.runners.disarm import disarm_catalog
from stock_ops.restore.runners.scratch import Place, ScratchServer, scratch_server
from stock_ops.storage.envelope import fetch, store
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.keys import read_identity, recipient_of
from stock_ops.storage.manifest import Manifest, dump_manifest, load_manifest, stored_part
from stock_ops.storage.objects import base_of, manifest_of
from stock_ops.storage.tags import split_tag, with_tag
from tests.integration.ops.backed_up import BackedUp, back_up, copy
from tests.integration.ops.insider import rewrite
from tests.integration.ops.template import Template
from tests.room import a_folder


@pytest.fixture(scope="module")
def origin(stub_template: Template) -> Iterator[BackedUp]:
    with a_folder() as ground:
        found = back_up(ground, stub_template)
        yield found
        found.instance.remove()


Rewrite = Callable[[Path, str, Callable[[Manifest], Manifest], Path], None]


def forge(origin: BackedUp, storage: Path, files: dict[str, bytes], rewrite: Rewrite = rewrite) -> None:
    """Put other files into the full backup, with checksums that fit; by default with all keys of ours."""
    backup, held = origin.chain[0], FolderStorage(storage)
    before, after = io.BytesIO(), io.BytesIO()
    identity = read_identity(origin.key)
    fetch(held, base_of(backup), before, identity)
    before.seek(0)
    with tarfile.open(fileobj=before) as source, tarfile.open(fileobj=after, mode="w") as sink:
        for member in source:
            if member.name not in files:
                sink.addfile(member, source.extractfile(member) if member.isfile() else None)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            sink.addfile(member, io.BytesIO(content))
    after.seek(0)
    sealed = store(held, base_of(backup), after, recipient_of(identity))

    def changed(manifest: Manifest) -> Manifest:
        rest = (part for part in manifest.parts if part.role != "base")
        return replace(manifest, parts=(stored_part("base", base_of(backup), sealed), *rest))

    rewrite(storage, backup, changed, origin.key)


def rewrite_from_outside(
    storage: Path, backup: str, change: Callable[[Manifest], Manifest], _key: Path
) -> None:
    """By the public key alone, which stands in the storage."""
    path = storage / manifest_of(backup)
    path.write_bytes(dump_manifest(change(load_manifest(path.read_bytes()))))


def rewrite_with_an_old_tag(
    storage: Path, backup: str, change: Callable[[Manifest], Manifest], key: Path
) -> None:
    """As from outside, with the tag of the manifest that was there."""
    path = storage / manifest_of(backup)
    _, tag = split_tag(path.read_bytes())
    rewrite_from_outside(storage, backup, change, key)
    path.write_bytes(with_tag(path.read_bytes(), tag or bytes(32)))


@pytest.fixture
def storage(base: Path, origin: BackedUp) -> Path:
    copy(origin.storage, base / "storage")
    return base / "storage"


def test_no_command_of_a_forged_backup_is_run_and_each_is_told(
    base: Path, origin: BackedUp, storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base.chmod(0o777)
    run = base / "was-run"
    commands = ("recovery_end_command", "archive_cleanup_command", "archive_command", "restore_command")
    lines = [f"{name} = 'touch {run}'" for name in commands]
    lines += ["shared_preload_libraries = '/nowhere/forged.so'", "session_preload_libraries = 'forged'"]
    lines += ["archive_mode = on", "work_mem = '5MB'"]
    forge(origin, storage, {"postgresql.auto.conf": "\n".join(lines).encode()})
    layout = origin.target(base / "data", empty=True)
    origin.restore(layout, Request(backup=origin.chain[0]), storage=storage)
    told = capsys.readouterr().out
    assert not run.exists()
    for name in (*commands, "shared_preload_libraries", "session_preload_libraries"):
        assert f"{name} = " in told
    kept = (layout.postgresql / "postgresql.auto.conf").read_text()
    assert kept == "archive_mode = on\nwork_mem = '5MB'"
    assert (layout.postgresql / "postgresql.auto.conf.found").read_text() == "\n".join(lines)
    assert origin.rows(layout.postgresql) == origin.points["full"].rows
    assert not run.exists()


@pytest.mark.parametrize(
    ("rewrite", "why"),
    [
        (rewrite_from_outside, "its tag is missing"),
        (rewrite_with_an_old_tag, "its tag does not fit its name and content"),
    ],
)
def test_a_backup_that_somebody_else_made_is_refused_before_anything_of_it_is_unpacked(
    base: Path, origin: BackedUp, storage: Path, rewrite: Rewrite, why: str
) -> None:
    forge(origin, storage, {"postgresql.auto.conf": b"work_mem = '5MB'"}, rewrite)
    layout = origin.target(base / "data", empty=True)
    with pytest.raises(DamagedBackupError) as caught:
        origin.restore(layout, Request(backup=origin.chain[0]), storage=storage)
    assert why in caught.value.why
    assert not layout.restore.exists()
    assert not layout.postgresql.exists()


@pytest.mark.parametrize("name", ["tablespace_map"])
def test_what_no_backup_of_ours_holds_is_refused(
    name: str, base: Path, origin: BackedUp, storage: Path
) -> None:
    forge(origin, storage, {name: b"16999 /etc\n"})
    layout = origin.target(base / "data", empty=True)
    with pytest.raises(DamagedBackupError):
        origin.restore(layout, Request(backup=origin.chain[0]), storage=storage)
    assert not layout.postgresql.exists()


def test_settings_of_roles_and_triggers_that_load_code_do_nothing_and_are_reset(
    base: Path, origin: BackedUp
) -> None:
    layout = origin.target(base / "data")
    cluster, work = layout.postgresql, base / "work"
    work.mkdir()
    work.chmod(0o711)
    place = Place(cluster, work, observe_programs(), origin.binaries, service_account(cluster))

    def do(*commands: str) -> None:
        with scratch_server(place, {}) as server:
            server.wait_until(lambda: server.ask("SELECT 1"))
            asyncio.run(_do(server, commands))

    do(
        "ALTER ROLE postgres SET local_preload_libraries = 'not-there'",
        "ALTER ROLE postgres IN DATABASE stock_analysis SET session_preload_libraries = 'not-there'",
        "ALTER DATABASE stock_analysis SET dynamic_library_path = '/nowhere'",
        "ALTER ROLE postgres SET work_mem = '5MB'",
        "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'in'; END$$",
        "CREATE EVENT TRIGGER at_login ON login EXECUTE FUNCTION refuse()",
    )
    with scratch_server(place, {}) as server:
        server.wait_until(lambda: server.ask("SELECT 1"))
        armed = " ".join(map(str, disarm_catalog(server)))
        for name in ("local_preload", "session_preload", "dynamic_library_path", "at_login"):
            assert name in armed
        assert "work_mem" not in armed
        assert [str(one) for one in disarm_catalog(server)] == ["runs refuse (event trigger at_login)"]
        assert asyncio.run(_plain(server)) == 1


async def _do(server: ScratchServer, commands: tuple[str, ...]) -> None:
    connection = await server.connect()
    for command in commands:
        await connection.execute(command)
    await connection.close()


async def _plain(server: ScratchServer) -> object:
    """As anybody else connects."""
    connection = await asyncpg.connect(
        host=server.host, port=5432, user="postgres", database="stock_analysis", ssl=False
    )
    try:
        return await connection.fetchval("SELECT 1")
    finally:
        await connection.close()
