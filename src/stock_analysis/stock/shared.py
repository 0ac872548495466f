"""One read of an instrument for all who ask for it at the same time."""

import asyncio

from stock_analysis.stock.ports import BarStore, Listing


class SharedListings:
    """Reads an instrument once for all requests that came before the read began.

    So each request sees what was committed before it came, and a thousand of them cost one read at a time.
    """

    def __init__(self, store: BarStore) -> None:
        self._store = store
        self._next: dict[str, asyncio.Task[Listing]] = {}
        self._now: dict[str, asyncio.Task[Listing]] = {}

    async def listing(self, symbol: str) -> Listing:
        """The instrument. Raises as BarStore.listing does."""
        read = self._next.get(symbol)
        if read is None:
            read = self._next[symbol] = asyncio.create_task(self._read(symbol, self._now.get(symbol)))
            read.add_done_callback(_look)
        return await asyncio.shield(read)  # a request that ends early ends the read of no other

    async def _read(self, symbol: str, before: asyncio.Task[Listing] | None) -> Listing:
        if before is not None:
            await asyncio.wait([before])
        read = self._now[symbol] = self._next.pop(symbol)
        try:
            return await self._store.listing(symbol)
        finally:
            if self._now[symbol] is read:
                del self._now[symbol]


def _look(read: "asyncio.Task[Listing]") -> None:
    """Take note of an error that nobody waits for any more."""
    if not read.cancelled():
        read.exception()
