"""What the gateway needs of the world."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from starlette.types import Receive, Scope, Send


class Upstream(Protocol):
    """A service behind the gateway. It answers every request itself, also when it cannot be reached."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, by the ASGI contract."""

    async def check(self) -> str | None:
        """Version of the service. Raises when it cannot do its work."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service behind the gateway, and the path templates of it that are shown to the public.

    is_needed: whether the platform is of no use without it.
    """

    name: str
    upstream: Upstream
    paths: tuple[str, ...]
    is_needed: bool = True


class KeyScope(StrEnum):
    """What a key may be used for."""

    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as stored, without the token, which is shown once and kept nowhere.

    hash: SHA-256 of the whole token, sealed with the pepper of this name; None: not sealed.
    """

    id: UUID
    name: str
    prefix: str
    hash: bytes
    scopes: frozenset[KeyScope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    pepper: str | None = None

    def is_usable(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class KeyStore(Protocol):
    """Where API keys are kept. Every method raises UnavailableError when the store cannot be reached."""

    async def add(self, key: ApiKey) -> None:
        """Keep a new key."""

    async def find(self, prefix: str) -> ApiKey | None:
        """The key with this prefix, usable or not."""

    async def all(self) -> Sequence[ApiKey]:
        """All keys, the oldest first."""

    async def revoke(self, prefix: str) -> bool:
        """Make the key unusable from now on; False if there is no such key or it is revoked already."""

    async def note_use(self, prefix: str) -> None:
        """Remember that the key was used now, to the minute."""

    async def reseal(self, keys: Sequence[ApiKey]) -> None:
        """Keep hash and pepper of these keys, of all or of none."""


class Counter(Protocol):
    """Sums by name, shared by all gateways where it can be."""

    async def add(self, name: str, amount: int, ttl_s: int) -> int:
        """Add to the sum of this name, which is forgotten ttl_s after its first addition; returns the sum."""
