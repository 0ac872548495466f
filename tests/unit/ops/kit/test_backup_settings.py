from datetime import time
from pathlib import Path

import pytest

from stock_ops.kit.backup_settings import (
    BackupSettings,
    Places,
    dump_places,
    read_backup_settings,
    read_recipient,
)
from stock_ops.kit.errors import (
    ConflictingSettingsError,
    CorruptFileError,
    OpsError,
    SettingError,
)
from stock_ops.kit.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "stocks")
    layout.config.mkdir(parents=True)
    return layout


def read(layout: Layout, text: str) -> BackupSettings:
    layout.backup_settings.write_text(text)
    return read_backup_settings(layout, {})


def refusal(layout: Layout, text: str) -> OpsError:
    with pytest.raises(OpsError) as caught:
        read(layout, text)
    return caught.value


def test_without_a_file_the_backups_lie_beside_the_data_and_the_key_with_the_user(layout: Layout) -> None:
    settings = read_backup_settings(layout, {"XDG_CONFIG_HOME": "/home/ann/settings"})
    assert settings.storage == f"{layout.root}-backups"
    assert not settings.is_s3
    assert settings.key_file.parent == Path("/home/ann/settings/stock-analysis")
    assert settings.key_file.name.startswith("backup-stocks-")
    assert settings.daily_at == time(3, 15)


def test_two_data_folders_of_one_name_have_two_keys(tmp_path: Path) -> None:
    keys = {
        read_backup_settings(Layout(tmp_path / where / "data"), {"XDG_CONFIG_HOME": "/c"}).key_file
        for where in ("one", "two")
    }
    assert len(keys) == 2


def test_the_operators_values_are_taken(layout: Layout) -> None:
    settings = read(
        layout,
        'storage = "s3://bucket/some/prefix"\ns3_endpoint = "https://s3.example.com"\ndaily_at = "23:59"\n'
        'dump = "never"\nkeep_days = 3\nwal_keep_gib = 0.5\nkey_file = "/root/a.key"\n',
    )
    assert settings.is_s3
    assert (settings.daily_at, settings.dump, settings.keep_days) == (time(23, 59), "never", 3)
    assert (settings.wal_keep_gib, settings.key_file) == (0.5, Path("/root/a.key"))


@pytest.mark.parametrize(
    "line",
    [
        "storage = 5",
        'storage = "backups"',
        'storage = "s3://"',
        'storage = "s3://UPPER"',
        'key_file = "a.key"',
        's3_endpoint = "s3.example.com"',
        's3_region = ""',
        'enabled = "no"',
        "enabled = 0",
        "full_every_days = 0",
        "full_every_days = true",
        "full_every_days = 1.5",
        'daily_at = "3:15"',
        'daily_at = "24:00"',
        "daily_at = 03:15:00",
        'dump = "sometimes"',
        "keep_days = -1",
        "wal_keep_gib = 0",
        "wal_keep_gib = inf",
        "heartbeat_s = nan",
        'ship_s = "1"',
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_one_that_can(layout: Layout, line: str) -> None:
    error = refusal(layout, line)
    assert isinstance(error, SettingError)
    assert f"{layout.backup_settings}: {line.split(' ')[0]} = " in error.why
    assert error.todo


def test_an_unknown_key_is_an_error_that_names_it_and_the_known_ones(layout: Layout) -> None:
    error = refusal(layout, "keep_day = 3")
    assert isinstance(error, ConflictingSettingsError)
    assert "keep_day," in error.why
    assert "keep_days" in error.todo


def test_a_text_that_is_no_toml_is_named_with_its_line(layout: Layout) -> None:
    error = refusal(layout, "keep_days = 3\nkeep_full 2")
    assert isinstance(error, CorruptFileError)
    assert "line 2" in error.why


def test_backups_in_the_data_folder_are_refused_also_through_a_link(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(layout.root)
    for place in (layout.root / "backups", tmp_path / "link" / "backups", layout.root):
        assert "outside of" in refusal(layout, f'storage = "{place}"').todo


def test_a_key_beside_the_data_or_the_backups_is_refused(layout: Layout, tmp_path: Path) -> None:
    for place in (layout.config, Path(f"{layout.root}-backups"), tmp_path / "elsewhere"):
        text = f'storage = "{tmp_path}/elsewhere"\n' if place.name == "elsewhere" else ""
        assert "outside of" in refusal(layout, f'{text}key_file = "{place}/a.key"').todo


def test_before_the_first_start_backups_are_sealed_for_nobody(layout: Layout) -> None:
    assert read_recipient(layout) is None
    layout.recipient.write_text("age1abc\n")
    assert read_recipient(layout) == "age1abc"


def test_what_the_first_start_chose_is_kept_wherever_the_folder_lies(tmp_path: Path, layout: Layout) -> None:
    storage, key = tmp_path / "old-backups", tmp_path / "old.key"
    storage.mkdir()
    key.touch()
    layout.backup_places.write_text(dump_places(Places(f"{storage}", key)))
    settings = read_backup_settings(layout, {})
    assert (settings.storage, settings.key_file) == (f"{storage}", key)
    layout.backup_settings.write_text('storage = "/srv/mine"\n')
    assert read_backup_settings(layout, {}).storage == "/srv/mine"


def test_what_moved_along_is_taken_from_beside_the_folder(tmp_path: Path, layout: Layout) -> None:
    layout.backup_places.write_text(dump_places(Places(f"{tmp_path}/gone", tmp_path / "gone.key")))
    assert read_backup_settings(layout, {}).storage == f"{tmp_path}/gone"
    Path(f"{layout.root}-backups").mkdir()
    assert read_backup_settings(layout, {}).storage == f"{layout.root}-backups"
    layout.backup_places.write_text(dump_places(Places("s3://bucket/one", tmp_path / "gone.key")))
    assert read_backup_settings(layout, {}).storage == "s3://bucket/one"


def test_places_that_make_no_sense_are_refused_in_words(layout: Layout) -> None:
    layout.backup_places.write_text('{"storage": 7}')
    with pytest.raises(CorruptFileError, match="makes no sense"):
        read_backup_settings(layout, {})
