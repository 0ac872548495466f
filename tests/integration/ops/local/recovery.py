"""What holds after any fault."""

from tests.integration.ops.instance import Instance


def recovers(instance: Instance) -> None:
    """The next `up` ends with everything healthy, and the one after it has nothing to do."""
    instance.up()
    assert instance.status()["state"] == "running"
    assert instance.run("up", "--json").json["changed"] is False
