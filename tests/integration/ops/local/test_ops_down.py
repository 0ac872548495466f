"""`down` beside other work on the data folder."""

import pytest

from stock_ops.kit.files import exclusive
from tests.integration.ops.instance import Instance

pytestmark = pytest.mark.server


def test_down_says_that_a_restore_runs_and_stops_nothing(used_stub: Instance) -> None:
    with exclusive(used_stub.layout, "restore"):
        error = used_stub.refused("down")
        planned = used_stub.refused("down", "--dry-run")
    assert error["kind"] == planned["kind"] == "RestoreRunsError"
    assert "stockops restore, pid" in error["why"]
    assert "no data are lost" in error["todo"]
    assert used_stub.down().out.startswith("Down")
