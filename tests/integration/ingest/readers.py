"""Someone who looks at charts all the time, also while the platform is down."""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from types import TracebackType
from typing import Self

import numpy as np

from stock_analysis.domain.bars import PRICE_COLUMNS
from stock_analysis.ingest.rows import BAR, Rows


def read_chart(url: str, number: int) -> Rows:
    """All bars of the instrument S<number> as the platform answers them; none while it is not stored."""
    path = f"{url}/api/v1/stocks/S{number:02d}/chart?interval=1d&adjustment=raw&limit=50000&i=sma(5)"
    try:
        with urllib.request.urlopen(path, timeout=10) as reply:  # noqa: S310 - the platform's own address
            found = json.load(reply)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return np.empty(0, BAR)
    bars = np.empty(len(found["t"]), BAR)
    bars["instrument"], bars["t"] = number, found["t"]
    for name in PRICE_COLUMNS:
        bars[name] = found[name[0]]
    return bars


class Readers:
    """Threads that ask for one chart after another until the block ends.

    answers: instrument, what was acknowledged before the question, bars. refused: questions left unanswered.
    """

    def __init__(self, url: str, acknowledged: Callable[[], int], count: int = 2) -> None:
        self.answers: list[tuple[int, int, Rows]] = []
        self.refused = 0
        self._url = url
        self._acknowledged = acknowledged
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(seed,)) for seed in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_for_another(self, timeout_s: float = 20) -> None:
        """Return when there is one more answer."""
        before, deadline = len(self.answers), time.monotonic() + timeout_s
        while len(self.answers) == before:
            assert time.monotonic() < deadline, "the platform answers nobody"
            time.sleep(0.005)

    def _ask(self, seed: int) -> None:
        chance = np.random.default_rng(seed)
        while not self._over.wait(0.02):
            number, acknowledged = int(chance.integers(40)), self._acknowledged()
            try:
                self.answers.append((number, acknowledged, read_chart(self._url, number)))
            except (OSError, http.client.HTTPException):
                self.refused += 1
