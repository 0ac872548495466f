"""Live prices in containers: a replay reaches a client through Kafka, and the service `live`."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from websockets.sync.client import ClientConnection, connect

from stock_ops.kit.secret_names import files_of
from tests.containers.podman import run
from tests.containers.stack import Stack

LONGEST_S = 120.0
ASK = "from urllib.request import urlopen as ask; print(ask('http://127.0.0.1:8004/readyz').read().decode())"


@contextmanager
def client(stack: Stack) -> Iterator[ClientConnection]:
    url = stack.url.replace("http", "ws", 1) + "/ws"
    with connect(url, additional_headers={"Authorization": f"Bearer {stack.key}"}) as socket:
        yield socket


def until(socket: ClientConnection, **wanted: object) -> dict[str, Any]:
    """The next message that has these fields. Heartbeats come for ever, so the time is bounded, too."""
    deadline, met = time.monotonic() + LONGEST_S, Counter[str]()
    while (left_s := deadline - time.monotonic()) > 0:
        with suppress(TimeoutError):
            message: dict[str, Any] = json.loads(socket.recv(timeout=left_s))
            if wanted.items() <= message.items():
                return message
            met[f"{message['type']} {message.get('feed', '')} {message.get('state', '')}"] += 1
    raise AssertionError(f"{wanted} did not come within {LONGEST_S:g} s; what came: {dict(met)}")


def test_a_replay_reaches_a_client_of_the_gateway_through_kafka(stack: Stack) -> None:
    stack.import_prices("bars_1m_es")
    when = ("--from", "2013-09-03T12:31", "--until", "2013-09-03T12:51", "--speed", "60")
    with client(stack) as socket, ThreadPoolExecutor(1) as beside:
        socket.send(json.dumps({"op": "subscribe", "id": 1, "symbol": "ES", "interval": "1m"}))
        stored = until(socket, type="snapshot")
        assert (stored["feed"], stored["state"]) == (None, "none")
        replay = beside.submit(stack.run_platform, "replay", "ES", *when)
        began = until(socket, type="snapshot", feed="replay")
        delta = until(socket, type="delta")
        assert delta["channel"] == began["channel"]
        assert delta["n"] > began["n"]
        until(socket, state="ended")
        replay.result()
    closes = dict(zip(stored["bars"]["t"], stored["bars"]["c"], strict=True))
    closed = [(bar[0], bar[4]) for bar in delta["bars"] if bar[6] == "closed"]
    assert [close for _, close in closed] == [closes[t] for t, _ in closed]


def test_without_a_source_the_live_service_is_healthy_and_says_so(stack: Stack) -> None:
    name = stack.container("live")
    try:
        stack.compose_with((), {}, "--profile", "live", "up", "-d", "live")
        stack.wait("live")
        parts = {part["name"]: part for part in json.loads(stack.sh("live", f'python -c "{ASK}"'))["parts"]}
        assert parts["sources"]["version"] == "no source is configured"
        assert all(part["healthy"] for part in parts.values()), parts
        assert "Kafka" in parts["events"]["version"]
        assert stack.sh("live", "ls /run/secrets").split() == list(files_of("live")) == ["stock_writer"]
        posture = stack.posture("live")
        assert (posture["Uid"], posture["CapEff"], posture["Root"]) == (str(stack.uid), "0" * 16, "ro")
        run("podman", "stop", "-t", "30", name)
        assert stack.state("live")["ExitCode"] == 0
    finally:
        run("podman", "rm", "-f", name, check=False)
