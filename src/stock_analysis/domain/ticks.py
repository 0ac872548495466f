"""What a provider of live prices tells: trades, what becomes of them later, and halts."""

from dataclasses import dataclass, field
from enum import StrEnum

MICROSECONDS = 1_000_000


class Auction(StrEnum):
    """The auction that a trade is the result of."""

    OPENING = "opening"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade. at_us: epoch microseconds UTC by the exchange's clock; id: unique within a symbol and day.

    makes_price: whether it counts for open, high, low and close; one that does not (an odd lot, a trade at an
    average price) counts for the volume alone.
    """

    symbol: str
    at_us: int
    price: float
    size: float
    id: str
    auction: Auction | None = None
    makes_price: bool = True


@dataclass(frozen=True, slots=True)
class Cancel:
    """A trade that did not happen."""

    symbol: str
    id: str


@dataclass(frozen=True, slots=True)
class Amend:
    """A trade in the place of another one, at whose time it stands where that one is known."""

    trade: Trade
    replaces: str

    @property
    def symbol(self) -> str:
        """Of the trade."""
        return self.trade.symbol


@dataclass(frozen=True, slots=True)
class Halt:
    """Trading stopped, or went on again, at at_us."""

    symbol: str
    at_us: int
    halted: bool


Tick = Trade | Cancel | Amend | Halt


@dataclass(frozen=True, slots=True)
class Gap:
    """The provider's own numbers say that trades of a symbol were missed."""

    symbol: str
    missed: int


@dataclass(frozen=True, slots=True)
class Alive:
    """The provider spoke without a trade; at_us: its clock, None where it does not tell."""

    at_us: int | None = None
    symbols: tuple[str, ...] = field(default=())


Said = Trade | Cancel | Amend | Halt | Gap | Alive
