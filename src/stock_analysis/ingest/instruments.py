"""How an instrument that is not stored yet is listed."""

from collections.abc import Mapping
from dataclasses import dataclass

from stock_analysis.domain.currencies import MINOR_UNITS, QUOTED_IN_MINOR, parse_currency
from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.domain.instruments import Exchange, Instrument
from stock_analysis.domain.markets import check_exchange
from stock_analysis.domain.symbols import MarketQuestion, Resolution, resolve


@dataclass(frozen=True, slots=True)
class Placed:
    """An instrument to create. because: why on this market, empty where it was said."""

    instrument: Instrument
    because: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What the user says of instruments that are not stored yet; None = see for yourself."""

    exchange: str | None = None
    currency: str | None = None

    @classmethod
    def of(cls, said: Mapping[str, str]) -> "Listing":
        """As it was recorded."""
        return cls(said.get("exchange"), said.get("currency"))

    @property
    def said(self) -> dict[str, str]:
        """What to record."""
        both = {"exchange": self.exchange, "currency": self.currency}
        return {name: value for name, value in both.items() if value is not None}

    def instrument(self, symbol: str, exchanges: Mapping[str, Exchange]) -> Instrument:
        """The instrument to create; see place()."""
        return self.place(symbol, exchanges).instrument

    def place(self, symbol: str, exchanges: Mapping[str, Exchange]) -> Placed:
        """The instrument to create, and why it is listed so.

        Raises InvalidInputError if the exchange is unknown, if the symbol names none or several, or if the
        market quotes in two units and nobody said in which.
        """
        found = self._resolve(symbol, exchanges)
        minor = QUOTED_IN_MINOR.get(found.exchange) if found.kind == "stock" else None
        if self.currency is None and minor is not None:
            raise InvalidInputError(_question(symbol, exchanges[found.exchange], minor))
        currency = found.currency if self.currency is None else parse_currency(self.currency)
        return Placed(Instrument(symbol, symbol, found.exchange, currency, found.kind), found.because)

    def _resolve(self, symbol: str, exchanges: Mapping[str, Exchange]) -> Resolution:
        if self.exchange is not None:
            mic = check_exchange(self.exchange, exchanges)
            of_form = resolve(symbol, exchanges.values())
            kind = of_form.kind if isinstance(of_form, Resolution) and of_form.exchange == mic else "stock"
            return Resolution(symbol, mic, exchanges[mic].currency, kind, "")
        found = resolve(symbol, exchanges.values())
        if isinstance(found, MarketQuestion):
            raise InvalidInputError(found.text)
        check_exchange(found.exchange, exchanges)
        return found


def _question(symbol: str, exchange: Exchange, minor: str) -> str:
    unit, major = MINOR_UNITS[minor], exchange.currency
    return (
        f"{symbol}: {exchange.name} quotes in {unit.name} ({minor}) or in {major}: "
        f"say --currency {minor} or --currency {major}"
    )
