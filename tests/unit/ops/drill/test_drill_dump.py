"""What a drill refuses before it loads a dump."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from stock_ops.drill.runners.dump import load_dump
from stock_ops.kit.errors import DiskFullError
from stock_ops.storage.manifest import StoredPart
from stock_ops.storage.objects import dump_of
from tests.unit.ops.standings import backup


def test_a_dump_that_the_disk_cannot_take_is_not_begun(tmp_path: Path) -> None:
    made = backup(datetime(2026, 11, 24, 3, 15, tzinfo=UTC), 3)
    large = replace(made, parts=(StoredPart(dump_of(made.id), "dump", 2**60, "1", 1, "2"),))
    ground = SimpleNamespace(folder=tmp_path)
    with pytest.raises(DiskFullError):
        load_dump(ground, large, SimpleNamespace())  # type: ignore[arg-type]  # nothing else is looked at
