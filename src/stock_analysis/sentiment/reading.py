"""Which stock, and which way: the table of symbols and the model, as the intake asks them."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from stock_analysis.sentiment.listings import Listing
from stock_analysis.sentiment.model import SentimentModel, load_model
from stock_analysis.sentiment.ports import Judged, Spoken, Tracked
from stock_analysis.sentiment.repository import PostgresPostStore
from stock_analysis.sentiment.symbols import SymbolTable, find


def _table(instruments: Sequence[Tracked]) -> SymbolTable:
    """Instruments under their symbols, the names of their listing, and the other symbols that mean them."""
    return SymbolTable(
        Listing(one.symbol, one.exchange, (one.name, *one.aliases), one.kind) for one in instruments
    )


class TextReader:
    """Reads texts with the instruments that are stored; a table is kept until they change.

    load: gives the model when it is first needed; what it raises is raised, each time.
    """

    def __init__(self, store: PostgresPostStore, load: Callable[[], SentimentModel] = load_model) -> None:
        self._store = store
        self._load = load
        self._model: SentimentModel | None = None
        self._table: SymbolTable | None = None
        self._ids: dict[str, int] = {}
        self._state: tuple[object, ...] = ()

    async def prepare(self) -> None:
        """Take in what has changed of the instruments. Raises ModelError, UnavailableError."""
        if self._model is None:
            self._model = await asyncio.to_thread(self._load)
        state = await self._store.instruments_state()
        if self._table is None or state != self._state:
            instruments = await self._store.instruments()
            self._table = await asyncio.to_thread(_table, instruments)
            self._ids = {one.symbol: one.id for one in instruments}
            self._state = state

    async def check(self) -> str:
        """The model's version. Raises ModelError."""
        if self._model is None:
            self._model = await asyncio.to_thread(self._load)
        return self._model.version

    async def read(
        self, texts: Sequence[str], times: Sequence[datetime]
    ) -> Sequence[tuple[Sequence[Spoken], Judged | None]]:
        """For each text what it speaks of, and where that is something, which way."""
        return await asyncio.to_thread(self._read, texts, times)

    def _read(
        self, texts: Sequence[str], times: Sequence[datetime]
    ) -> Sequence[tuple[Sequence[Spoken], Judged | None]]:
        assert self._table is not None and self._model is not None  # noqa: S101, PT018 - prepare() comes first
        spoken = [self._spoken(text, at) for text, at in zip(texts, times, strict=True)]
        judged = self._model.judge([text for text, found in zip(texts, spoken, strict=True) if found])
        ready = iter(judged)
        found: list[tuple[Sequence[Spoken], Judged | None]] = []
        for mentions in spoken:
            if not mentions:
                found.append(((), None))
                continue
            one = next(ready)
            known = not one.negative == one.neutral == one.positive  # a third each: the model knows nothing
            shares = (one.negative, one.neutral, one.positive) if known else (0.0, 0.0, 0.0)
            found.append((mentions, Judged(one.language, *shares, one.score, one.label, one.version)))
        return found

    def _spoken(self, text: str, at: datetime) -> list[Spoken]:
        """Each instrument once: where it is spoken of first."""
        assert self._table is not None  # noqa: S101 - prepare() comes first
        first: dict[int, Spoken] = {}
        for one in sorted(find(text, self._table, at), key=lambda mention: mention.start):
            number = self._ids.get(one.symbol)
            if number is not None:
                first.setdefault(number, Spoken(number, one.kind, one.start, one.end, one.why))
        return list(first.values())
