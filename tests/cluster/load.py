"""Clients that ask for one chart after the other while something happens."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.cluster.cluster import until

CHART = "/api/v1/stocks/AAPL/chart?interval=1d&adjustment=raw&from=2000-03-01&to=2000-03-10"


@contextmanager
def load(client: httpx.Client, *, least: int, pause_s: float = 0.02) -> Iterator[Counter[str]]:
    """Four of them, each on a connection; how each request ended. Ends once `least` were asked, too."""
    answers: Counter[str] = Counter()
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=30) as one:
            while not stop.is_set():
                try:
                    answers[str(one.get(CHART).status_code)] += 1
                except httpx.HTTPError as error:
                    answers[type(error).__name__] += 1
                time.sleep(pause_s)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield answers
        until(lambda: answers.total() >= least, seconds=240)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
