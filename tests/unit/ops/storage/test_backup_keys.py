"""The key pair of the backups."""

from pathlib import Path

import pytest

from stock_ops.storage.keys import LostKeyError, draw_identity, read_identity, recipient_of


def test_a_drawn_key_is_read_again_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "config" / "backup.key"
    recipient = draw_identity(path)
    assert recipient_of(read_identity(path)) == recipient
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["backup.key"]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "backup.key"
    recipient = draw_identity(path)
    with pytest.raises(FileExistsError):
        draw_identity(path)
    assert recipient_of(read_identity(path)) == recipient


@pytest.mark.parametrize("text", ["", "# nothing\n", "AGE-SECRET-KEY-1NONSENSE\n", "ä"])
def test_what_is_no_key_is_said_without_showing_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "backup.key"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LostKeyError) as caught:
        read_identity(path)
    assert "NONSENSE" not in caught.value.why
    assert str(path) in caught.value.why


def test_a_key_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LostKeyError, match="No such file"):
        read_identity(tmp_path / "nowhere")
