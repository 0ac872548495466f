import os
import pwd
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stock_ops.kit.accounts import Account
from stock_ops.kit.files import make_folder, write_whole
from stock_ops.kit.wanted import NewFile, NewFolder

NOBODY = pwd.getpwnam("nobody")
OWNER = Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid)


@pytest.fixture
def roots_file(tmp_path: Path) -> Path:
    path = tmp_path / "shadow"
    path.write_text("secret")
    return path


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    path = tmp_path / "valkey"
    path.mkdir()
    os.chown(path, OWNER.uid, OWNER.gid)
    return path


@pytest.mark.root
def test_what_is_in_a_folder_goes_to_its_owner(theirs: Path) -> None:
    (theirs / "appendonlydir").mkdir()
    (theirs / "appendonlydir/base.rdb").touch()
    make_folder(NewFolder(theirs, 0o700, OWNER))
    assert {path.stat().st_uid for path in (theirs, *theirs.rglob("*"))} == {OWNER.uid}


@pytest.mark.root
def test_a_planted_link_does_not_give_away_what_it_points_to(theirs: Path, roots_file: Path) -> None:
    (theirs / "to-file").symlink_to(roots_file)
    (theirs / "to-folder").symlink_to(roots_file.parent)
    (theirs / "hard").hardlink_to(roots_file)
    os.mkfifo(theirs / "fifo")
    make_folder(NewFolder(theirs, 0o700, OWNER))
    assert roots_file.stat().st_uid == 0
    assert roots_file.parent.stat().st_uid == 0


@pytest.mark.root
def test_a_file_swapped_for_a_link_while_it_is_written_gives_nothing_away(
    theirs: Path, roots_file: Path
) -> None:
    target = theirs / "valkey.conf"
    with before_chown(lambda: swap(target.with_name("valkey.conf.new"), roots_file)):
        write_whole(NewFile(target, "port 1\n", OWNER))
    assert roots_file.stat().st_uid == 0
    assert roots_file.read_text() == "secret"


def swap(path: Path, other: Path) -> None:
    path.unlink()
    path.symlink_to(other)


class _Moment:
    """Python tells of each chown just before it happens: the moment an attacker would wait for."""

    def __init__(self) -> None:
        self.act: Callable[[], None] | None = None
        sys.addaudithook(self)

    def __call__(self, event: str, _: object) -> None:
        act = self.act
        if act and event == "os.chown":
            self.act = None
            act()


_moment = _Moment()


@contextmanager
def before_chown(act: Callable[[], None]) -> Iterator[None]:
    _moment.act = act
    yield
    assert _moment.act is None
