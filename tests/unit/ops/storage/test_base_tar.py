"""The archive of a base backup is compared with PostgreSQL's own manifest while it passes."""

import hashlib
import io
import json
import tarfile

import google_crc32c
import pytest

from stock_ops.storage.basetar import BaseTar
from stock_ops.storage.tarreader import TarError

FILES = {
    "backup_label": b"START WAL LOCATION: 0/2000028\n",
    "tablespace_map": b"",
    "base/1/1259": bytes(range(256)) * 100,
    "base/1/odd": b"x" * 513,
    "global/pg_control": b"c" * 8192,
}


def manifest(files: dict[str, bytes], **changes: object) -> bytes:
    """As PostgreSQL writes it: the last line holds the checksum of the lines before."""
    body = {
        "PostgreSQL-Backup-Manifest-Version": 2,
        "System-Identifier": 7,
        "Files": [entry(name, data) for name, data in files.items()],
        "WAL-Ranges": [{"Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000120"}],
    }
    lines = json.dumps(body | changes, indent=1)[:-2] + ",\n"
    return (
        lines.encode() + f'"Manifest-Checksum": "{hashlib.sha256(lines.encode()).hexdigest()}"}}\n'.encode()
    )


def entry(name: str, data: bytes) -> dict[str, object]:
    checksum = google_crc32c.value(data).to_bytes(4, "little").hex()
    return {"Path": name, "Size": len(data), "Checksum-Algorithm": "CRC32C", "Checksum": checksum}


def archive(files: dict[str, bytes], text: bytes | None) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        folder = tarfile.TarInfo("base")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        every = files | ({"backup_manifest": text} if text is not None else {})
        for name, data in every.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return whole.getvalue()


def passed(data: bytes, piece: int = 1000) -> BaseTar:
    tar = BaseTar()
    for begin in range(0, len(data), piece):
        tar.write(data[begin : begin + piece])
    return tar


@pytest.mark.parametrize("piece", [1, 511, 512, 513, 2**20])
def test_an_archive_is_whole_in_pieces_of_any_size(piece: int) -> None:
    text = manifest(FILES)
    found = passed(archive(FILES, text), piece).finish()
    assert (found.timeline, found.start_lsn, found.stop_lsn) == (1, "0/2000028", "0/2000120")
    assert found.system_identifier == "7"
    assert found.text == text
    assert set(found.files) == set(FILES)


def test_the_checksum_is_the_one_that_postgresql_writes() -> None:
    text = manifest({"PG_VERSION": b"18\n"})
    assert b'"Checksum": "994e7be2"' in text  # from a manifest of PostgreSQL 18.6
    passed(archive({"PG_VERSION": b"18\n"}, text)).finish()


@pytest.mark.parametrize("name", [name for name, data in FILES.items() if data])
def test_one_flipped_bit_in_any_file_is_found(name: str) -> None:
    changed = FILES | {name: bytes([FILES[name][0] ^ 1]) + FILES[name][1:]}
    with pytest.raises(TarError, match=f"{name} differs"):
        passed(archive(changed, manifest(FILES))).finish()


def test_a_file_of_another_size_is_found() -> None:
    with pytest.raises(TarError, match="base/1/odd differs"):
        passed(archive(FILES | {"base/1/odd": b"x" * 512}, manifest(FILES))).finish()


def test_a_missing_file_is_found() -> None:
    fewer = {name: data for name, data in FILES.items() if name != "base/1/1259"}
    with pytest.raises(TarError, match="base/1/1259 is missing"):
        passed(archive(fewer, manifest(FILES))).finish()


def test_a_file_too_many_is_found() -> None:
    with pytest.raises(TarError, match="base/1/more is not in backup_manifest"):
        passed(archive(FILES | {"base/1/more": b"x"}, manifest(FILES))).finish()


def test_an_archive_without_a_manifest_is_none() -> None:
    with pytest.raises(TarError, match="backup_manifest is missing"):
        passed(archive(FILES, None)).finish()


@pytest.mark.parametrize("cut", [100, 5000, 30_000])
def test_an_archive_that_breaks_off_is_none(cut: int) -> None:
    data = archive(FILES, manifest(FILES))
    with pytest.raises(TarError, match="ends too early"):
        passed(data[:cut]).finish()


def test_a_manifest_that_was_changed_is_not_believed() -> None:
    text = manifest(FILES).replace(b'"Timeline": 1', b'"Timeline": 2')
    with pytest.raises(TarError, match="checksum of backup_manifest"):
        passed(archive(FILES, text)).finish()


@pytest.mark.parametrize("text", [b"", b"{}", b"no JSON", b'{"Files": 1}'])
def test_a_manifest_that_makes_no_sense_is_said_to(text: bytes) -> None:
    with pytest.raises(TarError):
        passed(archive(FILES, text)).finish()


def test_a_manifest_with_checksums_of_another_kind_is_refused() -> None:
    other = entry("backup_label", b"") | {"Checksum-Algorithm": "SHA256"}
    with pytest.raises(TarError, match="another kind"):
        passed(archive({"backup_label": b""}, manifest({}, Files=[other]))).finish()


def test_what_is_no_archive_is_refused_at_once() -> None:
    with pytest.raises(TarError, match="no tar archive"):
        passed(b"x" * 2000)


def test_nothing_may_follow_the_end() -> None:
    data = archive(FILES, manifest(FILES))
    with pytest.raises(TarError, match="follows the end"):
        passed(data + data)
