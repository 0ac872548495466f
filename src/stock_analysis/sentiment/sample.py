"""Posts that we wrote, so that the page shows something at once: nobody posted them, and they are marked so.

They lie in the last weeks of the sample prices, the same ones every time. Their judgements are recorded with
them. The first source that is configured takes their place.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stock_analysis.sentiment.aggregation import Label
from stock_analysis.sentiment.ports import Judged, NewPost, Spoken, Tracked
from stock_analysis.sentiment.posts import key_of
from stock_analysis.sentiment.repository import PostgresPostStore

SOURCE = "sample"
MODEL = "sample-1"
DAYS = 75
_BUSY_DAY, _FLOOD_DAY = 12, 30
_FLOOD = 40


@dataclass(frozen=True, slots=True)
class Stock:
    """A stock of the sample prices, the last day of those, and how posts name it."""

    symbol: str
    until: datetime
    names: Sequence[tuple[str, str, str]]
    language: str = "en"
    mood: float = 0.1


STOCKS = (
    Stock(
        "AAPL",
        datetime(2023, 9, 21, tzinfo=UTC),
        (("$AAPL", "cashtag", "cashtag $AAPL"), ("Apple", "name", "name of the company: Apple")),
    ),
    Stock(
        "NVDA",
        datetime(2023, 9, 21, tzinfo=UTC),
        (("$NVDA", "cashtag", "cashtag $NVDA"), ("NVIDIA", "name", "name of the company: NVIDIA")),
        mood=0.35,
    ),
    Stock(
        "005930",
        datetime(2025, 1, 10, tzinfo=UTC),
        (("삼성전자", "name", "name of the company: 삼성전자"),),
        "ko",
        mood=-0.1,
    ),
)
TEXTS: dict[str, dict[Label, Sequence[str]]] = {
    "en": {
        "positive": (
            "{} with another strong quarter, services keep growing. Adding here.",
            "Margins at {} look better than last year, I did not expect that.",
            "Analysts raise the target for {} once more, and the order book backs it.",
            "Suppliers say {} asks for more units than planned. Good sign for the holidays.",
            "Bought more {} on the dip, the balance sheet is as clean as they come.",
        ),
        "negative": (
            "{} misses on revenue and guides lower. Out of my position.",
            "Inventory at {} is piling up, this will hurt margins next quarter.",
            "{} faces another probe in Europe, and the valuation leaves no room for it.",
            "Sold half of my {}: growth slows and the multiple does not.",
        ),
        "neutral": (
            "{} reports on Thursday after the close.",
            "{} holds its developer event next month, here is the agenda.",
            "The board of {} meets today; the dividend stays as it is.",
        ),
        "unsure": (
            "{} sure, what could possibly go wrong",
            "interesting chart on {}, let us see",
        ),
    },
    "ko": {
        "positive": (
            "{} 3분기 영업이익이 예상보다 좋네요. 조금 더 담았습니다.",
            "{} 메모리 가격 반등하면 실적 개선 폭이 클 것 같습니다.",
            "외국인이 {} 사흘째 순매수, 분위기 돌아섰네요.",
        ),
        "negative": (
            "{} 파운드리 적자가 계속됩니다. 비중 줄였습니다.",
            "{} 목표주가 또 하향, 당분간 반등은 어려워 보입니다.",
            "HBM 납품이 늦어져서 {} 실망 매물이 나옵니다.",
        ),
        "neutral": (
            "{} 잠정 실적 발표는 내일 오전입니다.",
            "{} 주주총회 일정 공지가 올라왔습니다.",
        ),
        "unsure": ("{} 글쎄요, 두고 봅시다",),
    },
}
FLOOD_TEXT = "{} will double this week, join our free signals group before it is too late"
_SHARES: dict[Label, tuple[float, float, float]] = {
    "positive": (0.06, 0.16, 0.78),
    "negative": (0.76, 0.17, 0.07),
    "neutral": (0.08, 0.84, 0.08),
    "unsure": (0.34, 0.34, 0.32),
}


async def load_sample(store: PostgresPostStore) -> int:
    """Store the sample where no post is stored yet; returns how many posts are new."""
    if any(await store.holds()):
        return 0
    return (await store.add(list(sample_posts(await store.instruments())))).new


def sample_posts(instruments: Sequence[Tracked]) -> Iterator[NewPost]:
    """The posts about those stocks of the sample that are stored."""
    stored = {one.symbol: one.id for one in instruments}
    for stock in STOCKS:
        if stock.symbol in stored:
            yield from _posts_about(stock, stored[stock.symbol])


def _posts_about(stock: Stock, instrument_id: int) -> Iterator[NewPost]:
    draw = random.Random(f"sample {stock.symbol}")  # noqa: S311 - the same posts every time; no secret
    for back in range(DAYS):
        day = stock.until - timedelta(days=back)
        mood = stock.mood + draw.gauss(0, 0.2) - (0.6 if back == _BUSY_DAY else 0)
        count = draw.randint(3, 9) // (2 if day.weekday() > 4 else 1) + (45 if back == _BUSY_DAY else 0)
        for number in range(count):
            label = _label(draw, mood)
            text = draw.choice(TEXTS[stock.language][label])
            author = f"reader {draw.randint(1, 60)}"
            yield _post(stock, instrument_id, draw, day, f"{back}-{number}", author, text, label)
        if back == _FLOOD_DAY and stock.language == "en":
            for number in range(_FLOOD):
                text = f"{FLOOD_TEXT} https://signals.example/{number}"
                yield _post(
                    *(stock, instrument_id, draw, day, f"flood-{number}", f"bot {number}"),
                    *(text, "positive"),
                )


def _label(draw: random.Random, mood: float) -> Label:
    if draw.random() < 0.12:
        return "unsure"
    drawn = draw.gauss(mood, 0.6)
    return "positive" if drawn > 0.25 else "negative" if drawn < -0.25 else "neutral"


def _post(
    stock: Stock,
    instrument_id: int,
    draw: random.Random,
    day: datetime,
    number: str,
    author: str,
    text: str,
    label: Label,
) -> NewPost:
    name, kind, why = draw.choice(stock.names)
    begins = text.index("{}")
    post_id = f"{stock.symbol}-{number}"
    negative, neutral, positive = _SHARES[label]
    return NewPost(
        key=key_of(SOURCE, post_id),
        source=SOURCE,
        post_id=post_id,
        url="",
        author=author,
        text=text.replace("{}", name, 1),
        posted_at=day + timedelta(seconds=draw.randint(12 * 3600, 22 * 3600)),
        judged=Judged(stock.language, negative, neutral, positive, positive - negative, label, MODEL),
        spoken=[Spoken(instrument_id, kind, begins, begins + len(name), why)],
        sample=True,
    )
