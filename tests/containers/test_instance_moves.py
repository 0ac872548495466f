"""A laptop that is outgrown: an instance goes from this machine to containers and back, and loses no row."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from stock_analysis.testing.processes import free_port
from tests.containers.bases import StandIns
from tests.containers.images import Image
from tests.containers.instance import ENVIRON, STOCKOPS, Instance
from tests.containers.podman import run, wait_for
from tests.room import a_folder
from tools.container_parts import HOME

Report = Callable[[str, str], None]


@pytest.fixture(scope="module")
def mover(standins: StandIns, platform: Image, stock_ops: Image) -> Iterator[Instance]:
    """An instance on this machine with the sample data, where the images of the containers are named."""
    with a_folder() as folder:
        mover = Instance(standins, platform, stock_ops, folder / "data")
        mover.environ = ENVIRON | {"XDG_CONFIG_HOME": str(folder / "settings")}
        try:
            mover.stockops("up", "--port", str(free_port()))
            yield mover
        finally:
            here = mover.environ | {"STOCKOPS_TARGET": "local"}
            run(STOCKOPS, "down", "--data", mover.data, environ=here, check=False)
            mover.remove()


def content(mover: Instance) -> dict[str, Any]:
    """Every table but those that services write by themselves: one beats, the relay publishes events."""
    found = mover.told("backup", "measure")["content"]
    kept = {
        one["table"]: one for one in found if not one["table"].startswith(("public.ops_", "public.event_"))
    }
    return kept | {"public.outbox": {"rows": kept["public.outbox"]["rows"]}}


def is_begun(mover: Instance) -> bool:
    """Whether the other side has its first container."""
    return run("podman", "container", "exists", mover.container("postgresql"), check=False).returncode == 0


def test_a_move_that_is_cut_off_leaves_the_origin_as_it_was(mover: Instance) -> None:
    before = content(mover)
    command = [STOCKOPS, "move", "--to", "compose", "--yes", "--data", mover.data]
    process = subprocess.Popen(
        list(map(str, command)),
        env=os.environ | {"CONTAINERS_CONF": str(HOME / "containers.conf")} | mover.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for(lambda: is_begun(mover) or process.poll() is not None, lambda: "no container of the other side")
    process.terminate()
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert mover.told("up")["ok"] is True
    assert mover.told("status")["state"] == "running"
    assert [part["name"] for part in mover.told("status")["parts"]][-1] == "backup"
    assert content(mover) == before


def test_to_containers_and_back_without_losing_a_row(mover: Instance, report: Report) -> None:
    before = content(mover)
    started = time.monotonic()
    there = mover.told("move", "--to", "compose", "--yes")
    assert (there["from"], there["to"]) == ("local", "compose")
    assert there["tables"] > len(before)
    assert there["rows"] >= sum(one["rows"] for one in before.values()) > 100_000
    report("move to compose", f"{there['rows']:,} rows in {time.monotonic() - started:.0f} s")
    mover.stockops("up")
    assert {part["name"] for part in mover.told("status")["parts"]} >= {"gateway", "stock", "kafka"}
    assert content(mover) == before
    mover.keep_in_chunks()
    assert content(mover) == before
    key = json.loads(mover.run_platform("keys", "create", "moved", "--json"))["key"]
    grown = content(mover)
    assert grown != before
    back = mover.told("move", "--to", "local", "--yes")
    assert (back["from"], back["to"]) == ("compose", "local")
    address = mover.told("up")["address"]
    assert content(mover) == grown
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.get(f"{address}/api/v1/stocks/AAPL/chart", headers=headers, timeout=30)
    assert answer.status_code == 200
    assert mover.told("move", "--to", "local", "--yes")["changed"] is False


def test_a_move_without_images_touches_nothing(mover: Instance) -> None:
    settings = mover.data / "config" / "compose.env"
    text = settings.read_text()
    generated = mover.data / "run" / "compose.env"
    kept = generated.read_text() if generated.exists() else None
    generated.unlink(missing_ok=True)
    settings.write_text("")
    try:
        done = mover.stockops("move", "--to", "compose", "--yes", "--json", check=False)
        assert done.returncode == 1
        assert "PLATFORM_IMAGE" in json.loads(done.stdout)["error"]["why"]
        assert mover.told("status")["state"] == "running"
    finally:
        settings.write_text(text)
        if kept is not None:
            generated.write_text(kept)
