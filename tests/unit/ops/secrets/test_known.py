"""Which secrets of the backups are looked for, wherever their files are."""

from pathlib import Path

import pytest

from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.kit.layout import Layout
from stock_ops.secrets.facts.known import AUTHENTICATION_KEY, BACKUP_KEY, secrets_of_backups
from stock_ops.storage.keys import authentication_key, draw_identity, dump_authentication_key, read_identity


@pytest.mark.parametrize("kept", ["both", "private key alone", "authentication key alone"])
def test_the_key_that_authenticates_backups_is_known_wherever_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", f"{tmp_path}")
    layout = Layout(tmp_path / "data")
    settings = read_backup_settings(layout)
    draw_identity(settings.key_file)
    identity = read_identity(settings.key_file)
    tags = authentication_key(identity)
    layout.authentication_key.parent.mkdir(parents=True)
    layout.authentication_key.write_text(dump_authentication_key(tags))
    if kept == "private key alone":
        layout.authentication_key.unlink()
    if kept == "authentication key alone":
        settings.key_file.unlink()
    opening = {} if kept == "authentication key alone" else {BACKUP_KEY: (identity,)}
    assert secrets_of_backups(layout, settings) == opening | {AUTHENTICATION_KEY: (tags.secret.hex(),)}


def test_without_backups_there_is_no_key_of_theirs(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert secrets_of_backups(layout, read_backup_settings(layout)) == {}
