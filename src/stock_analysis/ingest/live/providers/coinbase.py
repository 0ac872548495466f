"""Coinbase Exchange's public stream of trades, for cryptocurrencies; no key is needed.

After https://docs.cdp.coinbase.com/exchange/docs/websocket-channels (channels matches and heartbeat).
Never run live: tested on recorded envelopes alone.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from stock_analysis.domain.errors import ProviderError
from stock_analysis.domain.ticks import Alive, Gap, Said, Trade
from stock_analysis.ingest.live.providers.websocket import connected, epoch_us


@dataclass(frozen=True)
class CoinbaseProvider:
    """Trades; their ids count up, so that a missing one is noticed."""

    url: str
    name: str = "coinbase"

    @asynccontextmanager
    async def connect(self, symbols: Sequence[str]) -> AsyncIterator[AsyncIterator[Said]]:
        """Connected and subscribed. Raises ProviderError."""
        async with connected(self.name, self.url) as messages:
            await messages.send(
                {"type": "subscribe", "product_ids": list(symbols), "channels": ["matches", "heartbeat"]}
            )
            yield messages.said(CoinbaseParser())


@dataclass
class CoinbaseParser:
    """What messages say, with the gaps between them: an id that is missing for two heartbeats was missed."""

    _last: dict[str, int] = field(default_factory=dict)
    _missing: dict[str, set[int]] = field(default_factory=dict)
    _suspected: dict[str, set[int]] = field(default_factory=dict)

    def __call__(self, content: Any) -> Iterator[Said]:
        """What a message says. Raises ProviderError for an error of theirs, ValueError etc. for garbage."""
        kind = content["type"]
        if kind == "match":
            yield self._match(content)
        elif kind == "heartbeat":
            yield from self._heartbeat(content)
        elif kind == "last_match":
            self._last.setdefault(content["product_id"], int(content["trade_id"]))
            yield Alive()
        elif kind == "error":
            text = f"{content.get('message')} {content.get('reason', '')}".strip()[:200]
            raise ProviderError(f"coinbase refuses: {text}")
        else:
            yield Alive()

    def _match(self, content: dict[str, Any]) -> Trade:
        symbol, number = content["product_id"], int(content["trade_id"])
        trade = Trade(
            symbol=symbol,
            at_us=epoch_us(content["time"]),
            price=float(content["price"]),
            size=float(content["size"]),
            id=str(number),
        )
        self._note(symbol, number - 1)
        self._missing[symbol].discard(number)
        self._last[symbol] = max(number, self._last.get(symbol, number))
        return trade

    def _heartbeat(self, content: dict[str, Any]) -> Iterator[Said]:
        symbol, at_us = content["product_id"], epoch_us(content["time"])
        self._note(symbol, int(content["last_trade_id"]))
        missing = self._missing[symbol]
        missed = missing & self._suspected.get(symbol, set())
        missing -= missed
        self._suspected[symbol] = set(missing)
        if missed:
            yield Gap(symbol, len(missed))
        yield Alive(at_us)

    def _note(self, symbol: str, newest: int) -> None:
        """There are trades up to this id."""
        missing = self._missing.setdefault(symbol, set())
        last = self._last.get(symbol)
        if last is not None and newest > last:
            missing.update(range(max(last + 1, newest - _MOST_MISSING), newest + 1))
            self._last[symbol] = newest


_MOST_MISSING = 10_000
