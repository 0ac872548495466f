"""The Valkey of this process: it saves time and is never waited for long, nor by each of its users anew."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from prometheus_client import Counter
from valkey.asyncio import Connection, ConnectionPool, Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import AuthenticationError, ValkeyError
from valkey.exceptions import ConnectionError as ValkeyConnectionError

from stock_analysis.kit.secret_files import Secret
from stock_analysis.kit.settings import Settings, secret

log = structlog.get_logger(__name__)

VALKEY_ERRORS = (ValkeyError, OSError, TimeoutError)
FAILURES = Counter("cache_failures_total", "Calls to Valkey that failed; the answer came without it.")
STEP_BACK_S = 5.0
_ROUNDS = 2

T = TypeVar("T")


class StepBack:
    """Leaves a failing server alone for STEP_BACK_S: a hung one then costs one wait, not one a request.

    After that one caller asks; the others go on without it until that one knows.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: float | None = None

    def may_ask(self) -> bool:
        """Whether to ask the server now; who may, tells how it went."""
        if self._until is None:
            return True
        if self._clock() < self._until:
            return False
        self.note_failure()  # for the others, until this caller knows better
        return True

    def note_answer(self) -> None:
        """The server works."""
        self._until = None

    def note_failure(self) -> None:
        """The server did not answer."""
        self._until = self._clock() + STEP_BACK_S


class SharedValkey:
    """One client for all who use Valkey in this process: what one of them finds out, the others know.

    All of them step back together, so that a hung Valkey costs one wait, not one for each of them.
    """

    def __init__(self, client: Valkey, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._step_back = StepBack(clock)

    async def ask(self, command: Callable[[Valkey], Awaitable[T]]) -> T:
        """What the command answers. Raises VALKEY_ERRORS, at once while it is left alone."""
        if not self._step_back.may_ask():
            raise ValkeyConnectionError("left alone, because it failed a moment ago")
        try:
            answer = await command(self._client)
        except VALKEY_ERRORS as error:
            self._step_back.note_failure()
            FAILURES.inc()
            log.warning("valkey unavailable", error=str(error), asked_again_after_s=STEP_BACK_S)
            raise
        self._step_back.note_answer()
        return answer

    async def check(self) -> str:
        """Version of the server, asked for whatever is known of it. Raises when it cannot be reached."""
        facts = await self._client.info("server")
        return str(facts.get("valkey_version") or facts["redis_version"])


class _Connection(Connection):
    """Signs in with the password as it is now, also in the moment in which it changes."""

    def __init__(self, *, secret: Secret, **more: Any) -> None:
        super().__init__(**more)
        self._secret = secret

    async def connect(self) -> None:
        """Try each value; a server that refuses all of them may have changed over since the file was read."""
        for _ in range(_ROUNDS):
            for value in self._secret.read() or (None,):
                self.password = value
                try:
                    await super().connect()  # type: ignore[no-untyped-call]  # valkey has no types here
                except AuthenticationError as error:
                    refusal = error
                else:
                    return
        raise refusal


@asynccontextmanager
async def open_valkey(settings: Settings) -> AsyncIterator[SharedValkey]:
    """A client that gives up after valkey_timeout_s and never retries: it must not slow a request."""
    async with connected(settings, settings.valkey_timeout_s) as client:
        yield SharedValkey(client)


@asynccontextmanager
async def connected(settings: Settings, timeout_s: float) -> AsyncIterator[Valkey]:
    """A client that waits for so long, and never retries."""
    pool = ConnectionPool(
        connection_class=_Connection,
        secret=secret(settings, "valkey_password"),
        host=settings.valkey_host,
        port=settings.valkey_port,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
    async with Valkey.from_pool(pool) as client:
        yield client
