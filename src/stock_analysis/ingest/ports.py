"""What the import needs of others."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from stock_analysis.domain.actions import CorporateAction
from stock_analysis.domain.bars import Bars, Interval
from stock_analysis.domain.instruments import Instrument


@dataclass(frozen=True, slots=True)
class Fetched:
    """One instrument's answer of a provider: raw bars and the actions among them.

    bars: as the source gave them, prices and volumes as traded, NaN where it had none; the quality gate is
    still to come. actions: by ex-date; dividends in raw terms.
    """

    instrument: Instrument
    bars: Bars
    actions: list[CorporateAction]


class Provider(Protocol):
    """A source of prices."""

    name: str

    def fetch(self, symbol: str, interval: Interval, start: date, end: date) -> Fetched:
        """The bars from start to end, both inclusive.

        Raises ProviderError, saying why and what to do.
        """
        ...
