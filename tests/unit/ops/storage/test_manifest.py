from dataclasses import replace
from datetime import UTC, datetime

import pytest

from stock_ops.storage.manifest import (
    Manifest,
    ManifestError,
    Mark,
    StoredPart,
    TableContent,
    dump_manifest,
    load_manifest,
)

AT = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)
FULL = Manifest(
    id="20261124T031500Z-full",
    kind="full",
    parent=None,
    system_identifier="7500000000000000000",
    timeline=1,
    start_lsn="0/3000028",
    stop_lsn="0/3000120",
    mark=Mark("backup-20261124T031500Z-full", "0/4000000", AT),
    first_segment="000000010000000000000003",
    last_segment="000000010000000000000003",
    started_at=AT,
    finished_at=AT,
    duration_s=1.5,
    postgresql="18.6",
    schema_version=4,
    extensions={"plpgsql": "1.0"},
    structure_sha256="ab",
    content=(TableContent("public.bar_1d", 3, "0011"),),
    parts=(StoredPart("backups/20261124T031500Z-full/base.tar.zst.age", "base", 10, "cd", 5, "ef"),),
    valkey_keys=0,
    compression_level=1,
)


def test_a_manifest_survives_writing_and_reading() -> None:
    assert load_manifest(dump_manifest(FULL)) == FULL


@pytest.mark.parametrize(("old", "new"), [(b'"rows": 3', b'"rows": 4'), (b"0/3000028", b"0/3000029")])
def test_a_changed_manifest_is_refused(old: bytes, new: bytes) -> None:
    data = dump_manifest(FULL)
    assert old in data
    with pytest.raises(ManifestError, match="checksum"):
        load_manifest(data.replace(old, new))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff", dump_manifest(FULL)[:-40]])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError):
        load_manifest(data)


def test_names_that_lead_elsewhere_are_refused() -> None:
    with pytest.raises(ManifestError, match="names"):
        load_manifest(dump_manifest(replace(FULL, id="../../etc")))
