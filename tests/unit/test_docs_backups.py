"""docs/backups.md is what the code says."""

import dataclasses
import re
from pathlib import Path

import pytest

from stock_ops.kit.backup_settings import BackupSettings, read_backup_settings
from stock_ops.kit.layout import Layout
from stock_ops.storage.marks import mark_object
from stock_ops.storage.objects import (
    REPOSITORY,
    base_of,
    damage_of,
    dump_of,
    history_object,
    manifest_of,
    segment_object,
    valkey_of,
    verification_of,
)
from tools.generate import BACKUPS, backups

PAGE = BACKUPS.read_text()
_NOT_WRITTEN = ("", '`""`', "`[]`")
ROWS = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", PAGE, re.MULTILINE)


def test_the_table_of_the_settings_is_what_the_code_says() -> None:
    assert backups(PAGE) == PAGE, "run `make generate` and commit it"
    assert [key for key, *_ in ROWS] == [one.name for one in dataclasses.fields(BackupSettings)]


def test_every_setting_says_what_it_is_for() -> None:
    assert [key for key, _, text in ROWS if not text.endswith(".")] == []


def test_the_defaults_as_they_are_written_there_are_the_defaults(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.config.mkdir(parents=True)
    without = read_backup_settings(layout)
    written = [f"{key} = {default.strip('`')}" for key, default, _ in ROWS if default not in _NOT_WRITTEN]
    layout.backup_settings.write_text("\n".join(written))
    assert len(written) == len(ROWS) - sum(default in _NOT_WRITTEN for _, default, _ in ROWS)
    assert read_backup_settings(layout) == without


@pytest.mark.parametrize(
    "name",
    [
        REPOSITORY,
        *(of("ID") for of in (base_of, dump_of, valkey_of, manifest_of, verification_of)),
        damage_of("ID").rpartition("/")[2],
        segment_object("000000010000000000000042"),
        segment_object("000000010000000000000043", partial=True),
        history_object("00000002.history"),
        mark_object("NAME"),
    ],
)
def test_every_object_is_named_there(name: str) -> None:
    assert f"`{name}`" in PAGE
