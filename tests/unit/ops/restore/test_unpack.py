"""Only what pg_basebackup writes is unpacked, and nothing outside of its folder."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from stock_ops.restore.runners.unpack import Unpacker
from stock_ops.storage.tarreader import TarError


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member, body in members:
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


SOUND = archive(
    (member("base", tarfile.DIRTYPE), b""),
    (member("base/1"), b"x" * 1000),
    (member("base/empty"), b""),
    (member("PG_VERSION"), b"18\n"),
)


def unpack(data: bytes, folder: Path, piece: int = 2**20) -> None:
    unpacker = Unpacker(folder, None)
    try:
        for start in range(0, len(data), piece):
            unpacker.write(data[start : start + piece])
        unpacker.finish()
    finally:
        unpacker.close()


@pytest.mark.parametrize("piece", [1, 7, 511, 512, 513, 10**6])
def test_an_archive_is_unpacked_in_whatever_pieces_it_comes(tmp_path: Path, piece: int) -> None:
    unpack(SOUND, tmp_path, piece)
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert found == {"base", "base/1", "base/empty", "PG_VERSION"}
    assert (tmp_path / "base/1").read_bytes() == b"x" * 1000
    assert (tmp_path / "PG_VERSION").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "base").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "bad",
    [
        member("../outside"),
        member("base/../../outside"),
        member("/outside"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.LNKTYPE, "PG_VERSION"),
        member("device", tarfile.CHRTYPE),
    ],
    ids=lambda one: f"{one.name}-{one.type!r}",
)
def test_what_leads_out_is_refused(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    folder = tmp_path / "into"
    folder.mkdir()
    with pytest.raises(TarError):
        unpack(archive((bad, b"")), folder)
    assert list(tmp_path.rglob("*")) == [folder]


def test_nothing_that_is_there_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").symlink_to("/etc/hostname")
    with pytest.raises(FileExistsError):
        unpack(archive((member("PG_VERSION"), b"18\n")), tmp_path)


@pytest.mark.parametrize("length", [0, 100, 512, 1536, len(SOUND) - 10240])
def test_one_that_ends_too_early_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(TarError, match="too early"):
        unpack(SOUND[:length], tmp_path)


def test_what_is_no_archive_or_goes_on_after_its_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TarError, match="no tar archive"):
        unpack(os.urandom(512), tmp_path)
    with pytest.raises(TarError, match="follows the end"):
        unpack(bytes(512) + SOUND, tmp_path)
