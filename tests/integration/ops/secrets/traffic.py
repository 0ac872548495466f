"""Traffic on a running instance by all that has a secret: requests, and new connections to its servers."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from stock_analysis.kit.db import Role, connect
from stock_analysis.kit.settings import Settings, load_settings
from stock_analysis.kit.valkey import open_valkey

CHART = "/api/v1/stocks/AAPL/chart?interval=1d&from=2000-03-01&to=2000-03-10"


class Traffic:
    """Counts what was answered and what failed, and why."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self._over = threading.Event()

    @contextmanager
    def running(self, *senders: Callable[[], None]) -> Iterator[None]:
        """Each of them again and again, in a thread of its own."""
        threads = [threading.Thread(target=self._repeat, args=(one,)) for one in senders]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _repeat(self, send: Callable[[], None]) -> None:
        name = getattr(send, "__name__", "?")
        while not self._over.is_set():
            try:
                send()
            except (httpx.HTTPError, OSError, RuntimeError) as error:
                self.outcomes[f"{name}: {type(error).__name__}: {error}"] += 1
            else:
                self.outcomes[name] += 1


def requests_by_key(url: str, tokens: list[str]) -> Callable[[], None]:
    """A request on a connection of its own, with the next of the keys."""
    turn = itertools.cycle(tokens)

    def requests_by_key() -> None:
        _expect_200(httpx.get(url + CHART, headers={"Authorization": f"Bearer {next(turn)}"}, timeout=30))

    return requests_by_key


def requests_by_session(url: str, cookie: str) -> Callable[[], None]:
    """A request with the cookie of a session."""

    def requests_by_session() -> None:
        _expect_200(httpx.get(url + CHART, headers={"Cookie": cookie}, timeout=30))

    return requests_by_session


def _expect_200(answer: httpx.Response) -> None:
    if answer.status_code != 200:
        raise RuntimeError(f"status {answer.status_code}: {answer.text[:200]}")


def connections(config: Path, role: Role) -> Callable[[], None]:
    """A new connection to PostgreSQL, as the platform opens one."""
    settings = load_settings(config).settings

    async def once() -> None:
        connection = await connect(settings, role)
        await connection.close()

    def connect_once() -> None:
        asyncio.run(once())

    connect_once.__name__ = f"connections of the {role.value}"
    return connect_once


def valkey_connections(config: Path) -> Callable[[], None]:
    """A new connection to Valkey, as the platform opens one; patient, because the machine is loaded."""
    settings = load_settings(config).settings
    patient = Settings.model_validate(settings.model_dump() | {"valkey_timeout_s": 10.0})

    async def once() -> None:
        async with open_valkey(patient) as shared:
            await shared.check()

    def connections_to_valkey() -> None:
        asyncio.run(once())

    return connections_to_valkey
