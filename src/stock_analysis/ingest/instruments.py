"""How an instrument that is not stored yet is listed."""

from dataclasses import dataclass

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.domain.instruments import Exchange, Instrument


@dataclass(frozen=True, slots=True)
class Listing:
    """How an instrument that is not stored yet is listed: on the exchange said, else by its symbol."""

    exchange: str | None = None

    def instrument(self, symbol: str, exchanges: dict[str, Exchange]) -> Instrument:
        """The instrument to create. Raises InvalidInputError if the exchange is unknown."""
        mic = self.exchange or guess_exchange(symbol)
        if mic not in exchanges:
            raise InvalidInputError(f"no exchange {mic!r}; known are {', '.join(sorted(exchanges))}")
        return Instrument(symbol, symbol, mic, exchanges[mic].currency)


def guess_exchange(symbol: str) -> str:
    """The exchange that a symbol's form tells; New York where it tells nothing."""
    if len(symbol) == 6 and symbol[:5].isdigit():
        return "XKRX"
    _, _, suffix = symbol.rpartition(".")
    return _SUFFIXES.get(suffix, "XNYS") if suffix != symbol else "XNYS"


_SUFFIXES = {"KS": "XKRX", "KQ": "XKOS", "T": "XTKS", "L": "XLON", "HK": "XHKG", "DE": "XETR"}
