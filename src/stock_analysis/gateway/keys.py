"""API keys: their form, how one is made, and how one is verified.

A key reads `sa_<prefix>_<secret>`: the prefix (40 bits) names it, the secret has 160 random bits.
"""

import base64
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import structlog

from stock_analysis.domain.errors import UnavailableError
from stock_analysis.gateway.peppers import Peppers, sha256
from stock_analysis.gateway.ports import ApiKey, KeyScope, KeyStore

log = structlog.get_logger(__name__)

REVOKED_WITHIN_S = 5.0
_REMEMBER_S = REVOKED_WITHIN_S - 1
_REMEMBER_AT_MOST = 10_000
_TOKEN = re.compile(r"sa_([a-z2-7]{8})_[a-z2-7]{32}")


def create_key(name: str, scopes: frozenset[KeyScope], expires_at: datetime | None) -> tuple[str, ApiKey]:
    """A new token, to be shown once, and what is kept of it."""
    prefix = _random(5)
    token = f"sa_{prefix}_{_random(20)}"
    return token, ApiKey(uuid4(), name, prefix, sha256(token), scopes, datetime.now(UTC), expires_at)


def _random(size_bytes: int) -> str:
    return base64.b32encode(secrets.token_bytes(size_bytes)).decode().lower()


class KeyRing:
    """Verifies tokens and remembers the good ones for so short a time that a revocation holds within 5 s."""

    def __init__(
        self, store: KeyStore, clock: Callable[[], float] = time.monotonic, peppers: Peppers | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._peppers = peppers or Peppers()
        self._verified: OrderedDict[bytes, tuple[ApiKey, float]] = OrderedDict()

    def recall(self, token: str) -> ApiKey | None:
        """The key of a token that was verified moments ago."""
        return self._recall(sha256(token))

    def recall_prefix(self, prefix: str) -> ApiKey | None:
        """The key that a session names, if it was looked up moments ago."""
        return self._recall(prefix.encode())

    def _recall(self, known_as: bytes) -> ApiKey | None:
        key, until = self._verified.get(known_as, (None, 0.0))
        if key is None or self._clock() >= until or not key.is_usable(datetime.now(UTC)):
            return None
        return key

    async def verify(self, token: str) -> ApiKey | None:
        """The key of this token if it is a usable one. Raises UnavailableError."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        asked_at = self._clock()
        key = await self._find(match[1], token)
        return await self._use(key, sha256(token), asked_at)

    async def look_up(self, prefix: str) -> ApiKey | None:
        """The key that a session names, if it is a usable one. Raises UnavailableError."""
        asked_at = self._clock()
        return await self._use(await self._store.find(prefix), prefix.encode(), asked_at)

    async def _find(self, prefix: str, token: str) -> ApiKey | None:
        """The key of this token. A row that got another pepper since it was read is read again."""
        for _ in range(2):
            key = await self._store.find(prefix)
            if key is None:
                return None
            try:
                return key if self._peppers.matches(key, token) else None
            except LookupError as error:
                unknown = error
            except OSError as error:
                raise UnavailableError("the pepper of the API keys", str(error)) from error
        log.error("an API key has a pepper that is not known here", key=prefix, reason=str(unknown))
        return None

    async def _use(self, key: ApiKey | None, known_as: bytes, asked_at: float) -> ApiKey | None:
        if key is None or not key.is_usable(datetime.now(UTC)):
            return None
        self._remember(key, known_as, asked_at + _REMEMBER_S)
        await self._store.note_use(key.prefix)
        return key

    def _remember(self, key: ApiKey, known_as: bytes, until: float) -> None:
        self._verified[known_as] = (key, until)
        self._verified.move_to_end(known_as)
        if len(self._verified) > _REMEMBER_AT_MOST:
            self._verified.popitem(last=False)
