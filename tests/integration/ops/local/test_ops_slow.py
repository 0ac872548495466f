"""A slow machine is not a mistake: nothing healthy is stopped because another part is late."""

import pytest

from tests.integration.ops.instance import Instance

pytestmark = pytest.mark.server


@pytest.mark.fault
def test_what_runs_goes_on_where_another_part_is_late(used_stub: Instance) -> None:
    """The hasty operator gives it 9 s; it is watched for 30 s, and does nothing."""
    error = used_stub.refused("up", STUB_SERVE="sleep:100", STOCKOPS_PATIENCE="0.1")
    assert error["kind"] == "SlowPartError"
    assert "Platform is not ready after" in error["why"]
    assert "so does everything else that runs" in error["why"]
    assert "STOCKOPS_PATIENCE=3" in error["todo"]
    states = {part["name"]: part["state"] for part in used_stub.status()["parts"]}
    assert states["postgresql"] == states["valkey"] == "healthy"
    assert used_stub.pid("platform")


def test_a_platform_that_crashes_when_it_is_asked_has_refused_no_settings(used_stub: Instance) -> None:
    used_stub.layout.overrides.write_text('log_level = "info"\n')
    assert used_stub.up(STUB_CONFIG="exit:1").code == 0
