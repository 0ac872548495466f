"""A data folder that moves keeps its storage and its key."""

import shutil
from pathlib import Path

import pytest

from stock_ops.kit.layout import Layout
from stock_ops.storage.keys import draw_identity
from tests.integration.ops.backed_up import made, verb
from tests.integration.ops.conftest import Maker
from tests.integration.ops.instance import Instance, wait_for

pytestmark = pytest.mark.server


def moved(make: Maker, instance: Instance, name: str) -> Instance:
    """The instance in another folder, with the settings of the same user."""
    found = make(name, stub=True, environment={"XDG_CONFIG_HOME": f"{instance.settings}"})
    instance.data.rename(found.data)
    return found


def test_a_moved_folder_keeps_storage_and_key(make: Maker, used_stub: Instance) -> None:
    used_stub.up()
    first = made(verb(used_stub, "backup", "create"))
    used_stub.down()
    there = moved(make, used_stub, "elsewhere")
    there.up()
    assert not there.backups.exists()
    assert len(list(used_stub.settings.rglob("*.key"))) == 1
    second = made(verb(there, "backup", "create"))
    listed = {one["id"] for one in verb(there, "backup", "list")["backups"]}
    assert {first, second} <= listed
    assert verb(there, "backup", "verify", first)["ok"]
    assert there.status()["backups"]["storage"]["where"] == f"{used_stub.backups}"
    there.remove()


def test_a_folder_that_moved_under_an_earlier_release_finds_both(make: Maker, used_stub: Instance) -> None:
    used_stub.up()
    first = made(verb(used_stub, "backup", "create"))
    used_stub.down()
    used_stub.layout.backup_places.unlink()
    there = moved(make, used_stub, "elsewhere")
    there.up()
    wait_for(lambda: there.status()["backups"]["backups"], "the part has seen them")
    assert first in {one["id"] for one in verb(there, "backup", "list")["backups"]}
    assert verb(there, "backup", "verify", first)["ok"]
    there.remove()


def test_a_folder_that_moved_with_its_backups_takes_those_beside_it(make: Maker, used_stub: Instance) -> None:
    used_stub.up()
    first = made(verb(used_stub, "backup", "create"))
    used_stub.down()
    there = moved(make, used_stub, "elsewhere")
    used_stub.backups.rename(there.backups)
    there.up()
    assert first in {one["id"] for one in verb(there, "backup", "list")["backups"]}
    there.remove()


def test_a_key_that_fits_is_found_and_named(used_stub: Instance, base: Path) -> None:
    used_stub.up()
    verb(used_stub, "backup", "create")
    used_stub.down()
    (key,) = used_stub.settings.rglob("*.key")
    kept = key.with_name("my copy.key")
    shutil.move(key, kept)
    draw_identity(key.with_name("another.key"))
    target = Layout(base / "bare").root
    error = used_stub.refused(
        "restore", "--data", f"{target}", "--storage", f"{used_stub.backups}", "--key-file", f"{key}", "--yes"
    )
    assert error["kind"] == "LostKeyError"
    assert f"{kept} fits" in error["todo"]
    assert f"--key-file '{kept}'" in error["todo"]
    doctor = used_stub.run("doctor", "--json").json
    (found,) = (one for one in doctor["findings"] if one["check"] == "Backup key")
    assert f"{kept} fits" in found["todo"]
