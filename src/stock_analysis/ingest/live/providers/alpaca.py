"""Alpaca's stream of US stocks; by default IEX, whose trades are a small part of the market's.

After https://docs.alpaca.markets/docs/real-time-stock-pricing-data and .../streaming-market-data.
Never run live: tested on recorded envelopes alone.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from stock_analysis.domain.errors import ProviderError
from stock_analysis.domain.ticks import Alive, Amend, Auction, Cancel, Halt, Said, Trade
from stock_analysis.ingest.live.providers.websocket import Messages, connected, epoch_us

_AUCTIONS = {"O": Auction.OPENING, "6": Auction.CLOSING}
_NO_TRADE = frozenset("QM9")
"""Conditions of official opens and closes, and of a corrected close: they tell a price again, not a trade."""
_NO_PRICE = frozenset("IBWCNRPHV74GZU")
"""Odd lots, average prices, other settlement, out of sequence: volume, but no price of the moment."""
_HALTED, _RESUMED = frozenset({"2", "H", "P"}), frozenset({"3", "T"})
_GREETING_MESSAGES = 5


@dataclass(frozen=True)
class AlpacaProvider:
    """Trades with their cancels and corrections, and halts. key, secret: read at each connection."""

    url: str
    key: Callable[[], str]
    secret: Callable[[], str]
    name: str = "alpaca"

    @asynccontextmanager
    async def connect(self, symbols: Sequence[str]) -> AsyncIterator[AsyncIterator[Said]]:
        """Connected, authenticated and subscribed. Raises ProviderError."""
        async with connected(self.name, self.url) as messages:
            await self._expect(messages, "connected")
            await messages.send({"action": "auth", "key": self.key(), "secret": self.secret()})
            await self._expect(messages, "authenticated")
            wanted = list(symbols)
            await messages.send({"action": "subscribe", "trades": wanted, "statuses": wanted})
            yield messages.said(parse)

    async def _expect(self, messages: Messages, wanted: str) -> None:
        for _ in range(_GREETING_MESSAGES):
            content = await messages.receive()
            for one in content if isinstance(content, list) else ():
                _refuse_error(one)
                if isinstance(one, dict) and one.get("T") == "success" and one.get("msg") == wanted:
                    return
        raise ProviderError(f"alpaca did not say {wanted!r}")


def parse(content: Any) -> Iterator[Said]:
    """What a message says. Raises ProviderError for an error of theirs, ValueError etc. for garbage."""
    if not isinstance(content, list):
        raise TypeError("not a list of messages")
    for one in content:
        _refuse_error(one)
        kind = one["T"]
        if kind == "t":
            yield from _trade(one)
        elif kind == "x":
            yield Cancel(one["S"], _id(one["x"], one["i"]))
        elif kind == "c":
            yield from _correction(one)
        elif kind == "s":
            yield from _status(one)
        else:
            yield Alive()


def _trade(one: dict[str, Any]) -> Iterator[Trade]:
    conditions = frozenset(one.get("c") or ())
    if conditions & _NO_TRADE:
        return
    auction = next((one for code, one in _AUCTIONS.items() if code in conditions), None)
    yield Trade(
        symbol=one["S"],
        at_us=epoch_us(one["t"]),
        price=float(one["p"]),
        size=float(one["s"]),
        id=_id(one["x"], one["i"]),
        auction=auction,
        makes_price=not conditions & _NO_PRICE,
    )


def _correction(one: dict[str, Any]) -> Iterator[Said]:
    replaces = _id(one["x"], one["oi"])
    corrected = {"S": one["S"], "t": one["t"], "p": one["cp"], "s": one["cs"], "x": one["x"], "i": one["ci"]}
    for trade in _trade(corrected | {"c": one.get("cc")}):
        yield Amend(trade, replaces)
        return
    yield Cancel(one["S"], replaces)


def _status(one: dict[str, Any]) -> Iterator[Said]:
    code = one["sc"]
    if code in _HALTED or code in _RESUMED:
        yield Halt(one["S"], epoch_us(one["t"]), halted=code in _HALTED)


def _id(exchange: str, number: int) -> str:
    """Trade ids are those of an exchange."""
    return f"{exchange}{number}"


def _refuse_error(one: Any) -> None:
    if isinstance(one, dict) and one.get("T") == "error":
        code, text = one.get("code"), str(one.get("msg"))[:200]
        hint = {
            402: "; check live_alpaca_key and live_alpaca_secret",
            406: "; another program is connected with this key",
        }.get(code if isinstance(code, int) else 0, "")
        raise ProviderError(f"alpaca refuses ({code}): {text}{hint}")
