"""Sources of live ticks. None of them has ever been run against the real service: docs/live.md says so."""

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.live.ports import LiveProvider
from stock_analysis.ingest.live.providers.alpaca import AlpacaProvider
from stock_analysis.ingest.live.providers.coinbase import CoinbaseProvider
from stock_analysis.kit.settings import Settings, secret

NAMES = ("alpaca", "coinbase")


def provider_of(name: str, settings: Settings) -> LiveProvider:
    """The provider of this name, as it is set up. Raises InvalidInputError saying what is missing."""
    if name == "coinbase":
        return CoinbaseProvider(settings.live_coinbase_url)
    if name == "alpaca":
        key, password = (secret(settings, one) for one in ("live_alpaca_key", "live_alpaca_secret"))
        if not key.read() or not password.read():
            raise InvalidInputError(
                "live prices of alpaca need the settings live_alpaca_key and live_alpaca_secret"
            )
        return AlpacaProvider(settings.live_alpaca_url, lambda: key.read()[0], lambda: password.read()[0])
    raise InvalidInputError(f"live_sources: no provider is named {name[:40]!r}; there are {', '.join(NAMES)}")
