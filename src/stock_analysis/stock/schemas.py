"""The answers of the stock-service, as its contract describes them."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from stock_analysis.domain.actions import ActionKind, ActionUnit
from stock_analysis.domain.bars import Adjustment, Hours, Interval
from stock_analysis.stock.series import Phase, Source
from stock_analysis.stock.service import Note

Column = list[float | None]


class CurrencyUnit(BaseModel):
    """A part of a currency that prices are quoted in: pence (GBX), of which 100 make one GBP."""

    code: Annotated[str, Field(description="The instrument's `currency`.")]
    name: str
    of: Annotated[str, Field(description="ISO 4217 code of the currency that it is a part of.")]
    factor: Annotated[int, Field(description="How many make one of it: a price divided by this is in `of`.")]


class StockItem(BaseModel):
    """One instrument, and how much of it is stored."""

    symbol: str
    name: str
    exchange: Annotated[str, Field(description="ISO 10383 market identifier code.")]
    currency: Annotated[str, Field(description="ISO 4217 code, or a minor unit as GBX: see `currency_unit`.")]
    currency_unit: Annotated[
        CurrencyUnit | None, Field(description="Of prices in a minor unit, what it is; else null.")
    ]
    timezone: Annotated[str, Field(description="IANA time zone of the exchange.")]
    kind: str
    first: Annotated[datetime | None, Field(description="Start of the oldest bar.")]
    last: Annotated[datetime | None, Field(description="Start of the newest bar.")]
    bars: Annotated[dict[str, int], Field(description="Number of stored bars by interval.")]
    quarantined: Annotated[int, Field(description="Rows that the quality gate keeps aside.")]


class StockPage(BaseModel):
    """Instruments, best match first."""

    items: list[StockItem]
    next_cursor: str | None


class Action(BaseModel):
    """One corporate action; several of one kind on one day add up.

    value: of a split, new shares for one old; of a dividend or special dividend, cash a share in raw terms;
    of a spin-off, by its unit, the price after it / the price before, or the worth of what a share was given;
    of rights, new shares offered for one old, at `price` each.
    """

    ex_date: str
    kind: ActionKind
    value: float
    unit: ActionUnit
    price: Annotated[float | None, Field(description="Of rights: what a new share costs; else null.")]


class StockDetail(StockItem):
    """One instrument with its corporate actions and last prices."""

    actions: list[Action]
    intervals: Annotated[list[Interval], Field(description="Intervals that its bars can be read in.")]
    extended_hours: Annotated[bool, Field(description="Whether it is traded before and after the sessions.")]
    last_close: float | None
    previous_close: float | None
    as_of: Annotated[date | None, Field(description="Session of the newest bar.")]
    last_session: Annotated[date | None, Field(description="Newest session of its exchange that has ended.")]


class SourceRun(BaseModel):
    """So many bars in a row from one source: stored daily bars, minutes, or days of both kinds."""

    source: Source
    bars: int


class PhaseRun(BaseModel):
    """So many bars in a row of one phase: before, in, or after their session."""

    phase: Phase
    bars: int


class BarsAnswer(BaseModel):
    """Bars as columns, oldest first."""

    symbol: str
    interval: Interval
    adjustment: Adjustment
    hours: Hours
    timezone: str
    t: Annotated[list[int], Field(description="Start of each bar, epoch seconds UTC.")]
    o: Column
    h: Column
    l: Column  # noqa: E741 - the field's usual name for the low
    c: Column
    v: Column
    has_earlier: Annotated[bool, Field(description="Whether there are older bars than the first one here.")]
    sources: Annotated[list[SourceRun], Field(description="What the bars were made of, as runs over `t`.")]
    phases: Annotated[list[PhaseRun], Field(description="When the bars were traded, as runs over `t`.")]


class IndicatorColumns(BaseModel):
    """One indicator: `spec` is the canonical form of what was asked; null in the warm-up."""

    spec: str
    name: str
    note: Annotated[
        Note | None,
        Field(
            description="flat_input: what it was computed from did not move, so that the value is TA-Lib's"
            " convention; typical_price: a VWAP over one bar, which is (high + low + close) / 3."
        ),
    ]
    outputs: dict[str, Column]


class IndicatorsAnswer(BaseModel):
    """Indicators over the same bars, one column an output."""

    symbol: str
    interval: Interval
    adjustment: Adjustment
    hours: Hours
    timezone: str
    t: list[int]
    indicators: list[IndicatorColumns]


class AcceptedBar(BaseModel):
    """A bar that stands, however odd, because somebody said that it is true."""

    t: Annotated[int, Field(description="Start of the bar, one of `t`.")]
    reasons: Annotated[list[str], Field(description="Why the quality gate had kept its rows aside.")]
    by: Annotated[list[str], Field(description="Who said that they are true.")]


class ChartAnswer(BarsAnswer):
    """All that a chart page draws, as of one instant."""

    indicators: list[IndicatorColumns]
    actions: list[Action]
    quarantined: int
    accepted: Annotated[list[AcceptedBar], Field(description="Bars that a person accepted, oldest first.")]
    accepted_complete: Annotated[
        bool,
        Field(description="False: only the newest accepted rows of the instrument were looked at."),
    ]


class ParameterItem(BaseModel):
    """One parameter of an indicator; both ends of the range are allowed."""

    name: str
    type: Literal["integer", "real", "ma_type"]
    default: float
    min: float
    max: float
    help: str
    choices: list["Choice"]


class Choice(BaseModel):
    """One allowed value and its name."""

    value: int
    label: str


class OutputItem(BaseModel):
    """One output column and how it is usually drawn."""

    name: str
    style: Literal["line", "dashed", "dotted", "histogram", "band_upper", "band_lower", "pattern"]
    overlay: Annotated[bool, Field(description="Whether it is a price, to be drawn over the bars.")]


class IndicatorItem(BaseModel):
    """One function of the catalogue. inputs: the column that each input takes unless told otherwise."""

    name: str
    display_name: str
    group: str
    overlay: Annotated[bool, Field(description="Whether any of its outputs is a price.")]
    inputs: dict[str, str]
    parameters: list[ParameterItem]
    outputs: list[OutputItem]
    warm_up: Annotated[int, Field(description="Bars before the first value, with the default parameters.")]


class IndicatorCatalogue(BaseModel):
    """Every indicator."""

    items: list[IndicatorItem]


class QuarantineItem(BaseModel):
    """A row that the quality gate kept aside, as it came, with every reason."""

    id: int
    source: str
    row_number: int
    interval: str
    reasons: list[str]
    row: dict[str, Any]
    state: str
    created_at: datetime


class QuarantinePage(BaseModel):
    """Rows kept aside, newest first; total counts all open ones of the symbol."""

    items: list[QuarantineItem]
    next_cursor: str | None
    total: int


class DatabaseFacts(BaseModel):
    """Size and contents of the database."""

    size_bytes: int
    bars: int
    instruments: int
    quarantined: int


class ImportFacts(BaseModel):
    """One import: every row of the source was accepted, unchanged, corrected or quarantined."""

    id: str
    source: str
    status: Literal["running", "done", "failed"]
    started_at: datetime
    finished_at: datetime | None
    rows_total: int
    rows_done: int
    accepted: int
    unchanged: int
    corrected: int
    quarantined: int
    error: str | None


class CacheFacts(BaseModel):
    """Look-ups of ready answers since the process began; hit_rate is null before the first."""

    hits: int
    misses: int
    hit_rate: float | None


class DataFacts(BaseModel):
    """What the operations page shows of the stored data."""

    database: DatabaseFacts
    last_import: ImportFacts | None
    cache: CacheFacts
