"""Refuses requests early when there are more than can be answered while their clients still wait."""

import math
import time
from collections import deque
from collections.abc import Callable

from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stock_analysis.kit.problems import problem

SHED = Counter("http_requests_shed_total", "Requests refused with 503 because too many waited.")

FEW = 64
"""As many may wait whatever their pace: a burst of them says nothing."""

_STEP_S = 0.25
_ALWAYS = frozenset({"/livez", "/readyz", "/health", "/metrics"})


class Shedding:
    """Answers 503 with Retry-After where a request would wait longer than patience_s for its turn.

    What it would wait is what waits already, divided by the pace at which answers began lately; where none
    began for patience_s, it is for ever. An answer that has begun, a stream above all, waits no more.
    clock: seconds that only grow.
    """

    def __init__(self, app: ASGIApp, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._patience_s = patience_s
        self._window_s = max(patience_s, 2.0)
        self._clock = clock
        self._waiting = 0
        self._busy_since = self._last_begun = 0.0
        self._begun: deque[list[float]] = deque()
        """When a step began, and how many answers began in it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what can be answered in time."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        wait_s = self.expected_wait_s()
        if wait_s > self._patience_s:
            SHED.inc()
            await self._refuse(wait_s, scope, receive, send)
            return
        await self._pass_on(scope, receive, send)

    def expected_wait_s(self) -> float:
        """How long a request that comes now would wait; 0 while there are few, or nothing is known."""
        now = self._clock()
        if self._waiting < FEW:
            return 0.0
        if now - max(self._busy_since, self._last_begun) > self._patience_s:
            return math.inf
        self._forget(now)
        # From the first answer on: a burst is taken in before any of it is answered, which tells no pace.
        known_s = now - self._begun[0][0] if self._begun else 0.0
        if known_s < 2 * _STEP_S:
            return 0.0
        return self._waiting * known_s / sum(count for _, count in self._begun)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._waiting:
            self._busy_since = self._clock()
            self._begun.clear()
        self._waiting += 1
        waits = True

        async def noting_send(message: Message) -> None:
            nonlocal waits
            if waits:
                waits = False
                self._note_begun()
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        finally:
            if waits:
                self._note_begun()

    def _note_begun(self) -> None:
        self._waiting -= 1
        self._last_begun = now = self._clock()
        if not self._begun or now - self._begun[-1][0] >= _STEP_S:
            self._forget(now)
            self._begun.append([now, 0])
        self._begun[-1][1] += 1

    def _forget(self, now: float) -> None:
        while self._begun and now - self._begun[0][0] > self._window_s:
            self._begun.popleft()

    async def _refuse(self, wait_s: float, scope: Scope, receive: Receive, send: Send) -> None:
        seconds = str(math.ceil(min(max(wait_s - self._patience_s, 1.0), 60.0)))
        detail = (
            f"{self._waiting} requests wait, more than can be answered within {self._patience_s:g} s; "
            f"try again in {seconds} s"
        )
        headers = {"retry-after": seconds}
        await problem(503, detail, instance=scope["path"], headers=headers)(scope, receive, send)
