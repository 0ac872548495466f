"""Folders change places whole."""

import ctypes
import errno
from pathlib import Path

import pytest

from stock_ops.restore.runners.places import exchange, move


def make(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "file").write_text(text)
    return folder


def test_two_folders_change_places(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one", "1"), make(tmp_path / "deep" / "other", "2")
    inodes = one.stat().st_ino, other.stat().st_ino
    assert exchange(one, other)
    assert (other.stat().st_ino, one.stat().st_ino) == inodes
    assert ((one / "file").read_text(), (other / "file").read_text()) == ("2", "1")


def test_nothing_happens_when_one_is_missing(tmp_path: Path) -> None:
    one = make(tmp_path / "one", "1")
    with pytest.raises(FileNotFoundError):
        exchange(one, tmp_path / "other")
    assert (one / "file").read_text() == "1"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS])
def test_a_file_system_that_cannot_is_told_from_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    class Library:
        @staticmethod
        def renameat2(*_: object) -> int:
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Library)
    monkeypatch.setattr(ctypes, "get_errno", lambda: number)
    assert exchange(tmp_path / "one", tmp_path / "other") is False
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.EACCES)
    with pytest.raises(PermissionError):
        exchange(tmp_path / "one", tmp_path / "other")


def test_a_folder_moves(tmp_path: Path) -> None:
    one = make(tmp_path / "one", "1")
    (tmp_path / "into").mkdir()
    move(one, tmp_path / "into" / "two")
    assert list(tmp_path.iterdir()) == [tmp_path / "into"]
    assert (tmp_path / "into/two/file").read_text() == "1"
