"""What workers share, without a cluster: who makes it, who waits for whom, who ends it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from stock_analysis.testing.processes import ROOM
from tests.cluster import prepared
from tests.cluster.cluster import Cluster

CLUSTER = Cluster(Path("/k"), ("kubectl", "-v"), {"n1": "http://n1"}, 1, "class", 2, 3, ("load",), ())


def test_one_worker_prepares_another_waits_to_be_alone_and_the_first_ends_what_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    other_is_there, waiting, other_is_done = (threading.Event() for _ in range(3))

    def prepare(_: Path, owned: ExitStack) -> dict[str, Any]:
        said.append("made")
        owned.callback(said.append, "ended")
        return {"cluster": asdict(CLUSTER), "images": {}, "servers": {}, "seconds": {}}

    def other() -> None:
        with prepared.prepare_once(tmp_path) as shared:
            assert shared.cluster == CLUSTER
            with shared.a_release():
                other_is_there.set()
                waiting.wait(120)
                said.append("other's release gone")
            other_is_done.wait(120)
            said.append("other gone")

    monkeypatch.setenv(ROOM, f"{tmp_path}")
    monkeypatch.setattr(prepared, "_prepare", prepare)
    with ThreadPoolExecutor(1) as beside:
        with prepared.prepare_once(tmp_path) as shared, shared.a_release():
            gone = beside.submit(other)
            assert other_is_there.wait(120)
            threading.Timer(0.5, waiting.set).start()  # the wait below must have begun, or proves less
            shared.wait_for_others()
            said.append("alone")
            threading.Timer(0.5, other_is_done.set).start()
        gone.result()
    assert said == ["made", "other's release gone", "alone", "other gone", "ended"]
