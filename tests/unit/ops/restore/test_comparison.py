"""Whatever is not as it was backed up is told, each table by its name."""

from dataclasses import replace

import pytest

from stock_ops.restore.plans.comparison import Measured, differences
from stock_ops.storage.manifest import TableContent
from tests.unit.ops.restore.test_recovery import FULL

MANIFEST = replace(
    FULL,
    content=(TableContent("public.a", 1, "1"), TableContent("public.b", 2000, "2")),
    extensions={"plpgsql": "1.0"},
)
SAME = Measured(MANIFEST.content, MANIFEST.structure_sha256, MANIFEST.schema_version, {"plpgsql": "1.0"})
A, B = MANIFEST.content


def test_the_same_data_differ_in_nothing() -> None:
    assert differences(MANIFEST, SAME) == ()
    assert SAME.rows == 2001


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (replace(SAME, content=(A,)), ("public.b is missing",)),
        (replace(SAME, content=(A, replace(B, rows=1999))), ("public.b has 1,999 rows, not 2,000",)),
        (replace(SAME, content=(A, replace(B, checksum="3"))), ("public.b has other rows",)),
        (replace(SAME, content=(A, B, replace(A, table="public.c"))), ("public.c was not there",)),
        (replace(SAME, structure_sha256="1"), ("the structure of the tables differs",)),
        (replace(SAME, schema_version=3), ("the schema is version 3, not 4",)),
        (replace(SAME, extensions={}), ("the extensions are none, not plpgsql 1.0",)),
        (
            replace(SAME, content=(), schema_version=5),
            ("the schema is version 5, not 4", "public.a is missing", "public.b is missing"),
        ),
    ],
)
def test_each_difference_is_told(found: Measured, told: tuple[str, ...]) -> None:
    assert differences(MANIFEST, found) == told
