"""A data folder is copied, and both are started on one storage: nothing of the original is lost."""

import subprocess
from pathlib import Path

import pytest

from stock_ops.storage.writers import newest_writer
from tests.integration.ops.archived import (
    PATIENCE_S,
    is_shipped,
    make_tables,
    storage,
    wait_until_shipped,
    warnings,
    write_row,
    write_segments,
)
from tests.integration.ops.backed_up import BackedUp, verb
from tests.integration.ops.conftest import Maker
from tests.integration.ops.instance import Instance, wait_for


@pytest.fixture
def original(make: Maker) -> Instance:
    """An instance at rest, with a backup."""
    found = make("data", stub=True)
    found.layout.config.mkdir(parents=True)
    found.data.chmod(0o711)
    settings = f'storage = "{found.backups}"\nkey_file = "{found.settings / "backup.key"}"\n'
    found.layout.backup_settings.write_text(settings)
    found.up()
    make_tables(found)
    write_row(found, "before-the-copy")
    verb(found, "backup", "create")
    found.down()
    return found


@pytest.fixture
def clone(original: Instance, make: Maker) -> Instance:
    """Its copy, by `cp -a`."""
    found = make("clone", stub=True)
    subprocess.run(["cp", "-a", original.data, found.data], check=True)
    return found


def is_told(instance: Instance) -> bool:
    return "two-writers" in warnings(instance)


def test_a_copy_ships_nothing_and_says_so_and_the_original_loses_nothing(
    original: Instance, clone: Instance, base: Path
) -> None:
    clone.up()
    write_row(clone, "of-the-copy")
    write_segments(clone, 3)
    wait_for(lambda: is_told(clone), "the copy says that there are two", PATIENCE_S)
    original.up()
    write_row(original, "of-the-original")
    write_segments(original, 3)
    wait_until_shipped(original)
    assert not is_told(original)
    held = storage(original)
    holder = newest_writer(held)
    assert holder
    assert holder.folder == str(original.data)
    assert is_shipped(original, "of-the-original")
    assert not is_shipped(original, "of-the-copy")
    told = verb(clone, "backup", "create", code=1)["error"]
    assert told["kind"] == "TwoWritersError"
    assert str(original.data) in told["why"]
    assert str(clone.data) in told["why"]
    for words in (("mark", "here"), ("prune", "--yes")):
        assert verb(clone, "backup", *words, code=1)["error"]["kind"] == "TwoWritersError"
    assert not verb(clone, "backup", "writer", "show")["held_here"]
    assert verb(original, "backup", "writer", "show")["held_here"]
    clone.down()
    original.down()
    origin = BackedUp(original)
    layout = origin.target(base / "target", empty=True)
    origin.restore(layout)

    def texts(connect: object) -> object:
        async def read() -> list[str]:
            connection = await connect()  # type: ignore[operator]  # asyncpg has no types
            try:
                rows = await connection.fetch(
                    "SELECT text FROM ledger WHERE text LIKE '%-%-%' ORDER BY number"
                )
                return [row[0] for row in rows]
            finally:
                await connection.close()

        return read()

    assert origin.ask(layout.postgresql, texts) == ["before-the-copy", "of-the-original"]  # type: ignore[arg-type]


def test_a_copy_can_begin_a_line_beside_it_or_stop_or_take_over(original: Instance, clone: Instance) -> None:
    original.up()
    told = verb(clone, "backup", "writer", "new-line", "--yes")
    beside = f"{original.backups}-2"
    assert told["storage"] == beside
    clone.up()
    write_row(clone, "of-the-copy")
    wait_until_shipped(clone)
    assert not is_told(clone)
    assert Path(beside, "repository.json").exists()
    verb(clone, "backup", "create")
    verb(clone, "backup", "writer", "stop", "--yes")
    assert "enabled = false" in clone.layout.backup_settings.read_text()
    clone.up()
    settings = original.layout.backup_settings.read_text()
    clone.layout.backup_settings.write_text(settings)
    verb(clone, "backup", "writer", "take-over", "--yes")
    write_row(original, "too-late")
    wait_for(lambda: is_told(original), "the original says that it was taken over", PATIENCE_S)
    assert verb(original, "backup", "create", code=1)["error"]["kind"] == "TwoWritersError"
    verb(original, "backup", "writer", "take-over", "--yes")
    wait_for(lambda: is_shipped(original, "too-late"), "the original goes on", PATIENCE_S)
    wait_for(lambda: not is_told(original), "nothing is wrong any more", PATIENCE_S)
