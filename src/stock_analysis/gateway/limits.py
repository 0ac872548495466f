"""How many requests a client may make in a minute, counted together by all gateways.

A gateway takes a lease of several requests at once from the shared counter and hands them out from its own
memory, so that Valkey is asked once in a hundred requests instead of at each. All gateways together never
grant more than the limit in a window; a client that uses many gateways at once may get up to one lease a
gateway less. Windows are fixed: at their boundary a client can make twice the limit in two half minutes.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from prometheus_client import Counter as Metric
from valkey.asyncio import Valkey

from stock_analysis.gateway.ports import Counter
from stock_analysis.kit.valkey import VALKEY_ERRORS, SharedValkey

REFUSED = Metric("rate_limited_requests_total", "Requests refused because their client made too many.")
LOCAL = Metric("rate_limit_local_total", "Leases counted in this process because Valkey was down.")

WINDOW_S = 60
_LARGEST_LEASE = 100
_MOST_CLIENTS = 50_000
_NAMES_AT_MOST = 100_000


class InMemoryCounter:
    """Sums in this process; past _NAMES_AT_MOST the oldest is forgotten, which favours its client."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sums: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def add(self, name: str, amount: int, ttl_s: int) -> int:
        """Add to the sum of this name; returns the sum."""
        now = self._clock()
        before, ends_at = self._sums.get(name, (0, 0.0))
        if ends_at <= now:
            self._sums.pop(name, None)
            before, ends_at = 0, now + ttl_s
        self._sums[name] = (before + amount, ends_at)
        if len(self._sums) > _NAMES_AT_MOST:
            self._sums.popitem(last=False)
        return before + amount


class ValkeyCounter:
    """Sums that all gateways share."""

    def __init__(self, valkey: SharedValkey) -> None:
        self._valkey = valkey

    async def add(self, name: str, amount: int, ttl_s: int) -> int:
        """Add to the sum of this name; returns the sum. Raises VALKEY_ERRORS."""

        async def add(client: Valkey) -> int:
            async with client.pipeline(transaction=True) as pipeline:
                pipeline.incrby(name, amount)
                pipeline.expire(name, ttl_s, nx=True)
                total, _ = await pipeline.execute()
            return int(total)

        return await self._valkey.ask(add)


class FallbackCounter:
    """The shared counter, or the local one when the shared one fails."""

    def __init__(self, shared: Counter, local: Counter) -> None:
        self._shared = shared
        self._local = local

    async def add(self, name: str, amount: int, ttl_s: int) -> int:
        """Add to the sum of this name; returns the sum."""
        try:
            return await self._shared.add(name, amount, ttl_s)
        except VALKEY_ERRORS:
            LOCAL.inc()
            return await self._local.add(name, amount, ttl_s)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether a request may pass, and what its client has left in this window."""

    granted: bool
    limit: int
    remaining: int
    reset_s: int


@dataclass(slots=True)
class _Lease:
    left: int = 0
    unleased: int = 0
    spent: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Limiter:
    """Grants each client `per_minute` requests a minute."""

    def __init__(self, counter: Counter, per_minute: int, clock: Callable[[], float] = time.time) -> None:
        self._counter = counter
        self._limit = per_minute
        self._lease_size = min(max(1, per_minute // 60), _LARGEST_LEASE)
        self._clock = clock
        self._window = -1
        self._leases: dict[str, _Lease] = {}

    async def take(self, client: str) -> Allowance:
        """One request of this client."""
        window, into_s = divmod(int(self._clock()), WINDOW_S)
        lease = self._lease(client, window)
        if not lease.left and not lease.spent:
            async with lease.lock:
                if not lease.left and not lease.spent:
                    await self._renew(lease, f"limit:{client}:{window}")
        granted = lease.left > 0
        if granted:
            lease.left -= 1
        else:
            REFUSED.inc()
        return Allowance(granted, self._limit, lease.left + lease.unleased, WINDOW_S - into_s)

    def _lease(self, client: str, window: int) -> _Lease:
        if window != self._window or len(self._leases) >= _MOST_CLIENTS:
            self._window = window
            self._leases = {}
        return self._leases.setdefault(client, _Lease())

    async def _renew(self, lease: _Lease, name: str) -> None:
        total = await self._counter.add(name, self._lease_size, 2 * WINDOW_S)
        over = max(0, total - self._limit)
        lease.left = max(0, self._lease_size - over)
        lease.unleased = max(0, self._limit - total)
        lease.spent = not lease.left


@lru_cache(maxsize=4096)
def client_of_address(address: str) -> str:
    """The client behind an address: an IPv6 one is known by its /64, of which it has all addresses."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, 64), strict=False))
