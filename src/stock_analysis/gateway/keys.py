"""API keys: their form, how one is made, and how one is verified.

A key reads `sa_<prefix>_<secret>`: the prefix (40 bits) names it, the secret has 160 random bits.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from stock_analysis.gateway.ports import ApiKey, KeyScope, KeyStore

REVOKED_WITHIN_S = 5.0
_REMEMBER_S = REVOKED_WITHIN_S - 1
_REMEMBER_AT_MOST = 10_000
_TOKEN = re.compile(r"sa_([a-z2-7]{8})_[a-z2-7]{32}")


def create_key(name: str, scopes: frozenset[KeyScope], expires_at: datetime | None) -> tuple[str, ApiKey]:
    """A new token, to be shown once, and what is kept of it."""
    prefix = _random(5)
    token = f"sa_{prefix}_{_random(20)}"
    return token, ApiKey(uuid4(), name, prefix, _sha256(token), scopes, datetime.now(UTC), expires_at)


def _random(size_bytes: int) -> str:
    return base64.b32encode(secrets.token_bytes(size_bytes)).decode().lower()


def _sha256(token: str) -> bytes:
    # A plain hash is enough: 160 random bits cannot be guessed, unlike a password.
    return hashlib.sha256(token.encode()).digest()


class KeyRing:
    """Verifies tokens and remembers the good ones for so short a time that a revocation holds within 5 s."""

    def __init__(self, store: KeyStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._verified: OrderedDict[bytes, tuple[ApiKey, float]] = OrderedDict()

    def recall(self, token: str) -> ApiKey | None:
        """The key of a token that was verified moments ago."""
        key, until = self._verified.get(_sha256(token), (None, 0.0))
        if key is None or self._clock() >= until or not key.is_usable(datetime.now(UTC)):
            return None
        return key

    async def verify(self, token: str) -> ApiKey | None:
        """The key of this token if it is a usable one. Raises UnavailableError."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        asked_at = self._clock()
        key = await self._store.find(match[1])
        if key is None or not hmac.compare_digest(key.sha256, _sha256(token)):
            return None
        if not key.is_usable(datetime.now(UTC)):
            return None
        self._remember(key, asked_at + _REMEMBER_S)
        await self._store.note_use(key.prefix)
        return key

    def _remember(self, key: ApiKey, until: float) -> None:
        self._verified[key.sha256] = (key, until)
        self._verified.move_to_end(key.sha256)
        if len(self._verified) > _REMEMBER_AT_MOST:
            self._verified.popitem(last=False)
