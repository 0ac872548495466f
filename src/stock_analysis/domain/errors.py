"""The errors of the platform: one root, the docstring is the default message."""


class StockAnalysisError(Exception):
    """Something went wrong in the platform."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class InvalidInputError(StockAnalysisError):
    """The request or the file says something the platform cannot use."""


class UnknownInstrumentError(StockAnalysisError):
    """No instrument has this symbol."""

    def __init__(self, symbol: str) -> None:
        super().__init__(f"no instrument has the symbol {symbol!r}; search with GET /api/v1/stocks?query=...")
        self.symbol = symbol


class ProviderError(StockAnalysisError):
    """A source of prices did not give what was asked of it."""


class UnavailableError(StockAnalysisError):
    """A part that the platform needs cannot be reached."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(f"{part} cannot be reached: {reason}")
        self.part = part
        self.reason = reason
