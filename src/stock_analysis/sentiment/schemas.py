"""What the sentiment-service answers, for the contract."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

State = Literal["provisional", "final"]


class SentimentAnswer(BaseModel):
    """Buckets of an instrument as columns of equal length, oldest first; spans without posts have none."""

    symbol: str
    interval: Literal["1d", "1h"]
    t: list[int] = Field(description="Starts of the buckets, epoch seconds; days are those of UTC.")
    score: list[float] = Field(description="Mean, -1 (bearish) to 1 (bullish), near 0 where little was said.")
    low: list[float] = Field(description="Lower end of the interval that holds the true mean with 90 %.")
    high: list[float] = Field(description="Its upper end.")
    positive: list[float] = Field(description="Weighted share of positive posts among those judged.")
    negative: list[float]
    unsure: list[float]
    posts: list[int]
    judged: list[int] = Field(description="Posts with a score: the model knows their language.")
    voices: list[int] = Field(description="Authors.")
    copies: list[int] = Field(description="Posts that are near-copies of another one's.")
    effective_n: list[float] = Field(
        description="Posts, of which near-copies count as log2(1 + m) and an author at most twice."
    )
    attention: list[float | None] = Field(
        description="Standard deviations of effective_n above its 30 days before; null: too little is known."
    )
    state: list[State]
    revision: list[int] = Field(description="How often the bucket was made.")
    models: list[str] = Field(description="Versions of the models that judged, of all buckets.")
    coverage: float = Field(description="Probability with which low to high holds the true mean.")
    sample: bool = Field(description="Whether these are posts that we wrote for the first start.")
    has_earlier: bool


class SentimentPost(BaseModel):
    """A post, as far as it may be shown, and why it counts as it does."""

    id: str
    source: str
    posted_at: datetime
    url: str | None
    text: str | None = Field(description="Null: it may not be kept, or shown, any more.")
    language: str
    label: Literal["negative", "neutral", "positive", "unsure"]
    score: float
    negative: float
    neutral: float
    positive: float
    judged: bool
    model: str
    weight: float = Field(description="How much it counts here; 1 = a post of its own author and text.")
    author_posts: int = Field(description="Posts of its author here; together they count at most twice.")
    copies: int = Field(description="Posts with nearly its text in this bucket, itself included.")
    kind: str = Field(description="How it speaks of the stock: cashtag, exchange, name, bare.")
    mention: str | None = Field(description="Where it does, in its words.")
    why: str


class SentimentPosts(BaseModel):
    """The posts of a bucket, those that count most first."""

    symbol: str
    interval: Literal["1d", "1h"]
    start: int | None
    state: State | None
    total: int
    sample: bool
    items: list[SentimentPost]


class OverviewItem(BaseModel):
    """An instrument on the newest day, and how its score has moved since the posts of the days before."""

    symbol: str
    name: str
    as_of: int = Field(description="Start of its newest day, epoch seconds; of the sample each has its own.")
    posts: int
    voices: int
    effective_n: float
    score: float
    low: float
    high: float
    attention: float | None
    change: float | None = Field(description="Score less that of the 7 days before, where there is one.")
    is_clear: bool = Field(description="Whether the change is larger than what the two intervals leave open.")


class Overview(BaseModel):
    """Most discussed instruments, and those whose score moved most."""

    as_of: int | None = Field(description="Start of the newest day with posts.")
    sample: bool
    discussed: list[OverviewItem]
    movers: list[OverviewItem]


class SourceItem(BaseModel):
    """How a source of posts stands. Written after the documents of the sources, never run live by us."""

    name: str
    title: str
    configured: bool
    state: str = Field(description="off, begins, reading, silent, waiting, spent, refused, failing")
    reason: str
    needs: list[str] = Field(description="Settings that are missing for it to be on.")
    last_post_at: datetime | None
    last_seen_at: datetime | None
    again_at: datetime | None
    posts_today: int
    posts_most: int | None = Field(description="Most posts of a day.")
    requests_today: int
    spent_today_usd: float
    spent_most_usd: float | None = Field(description="Most dollars of a day; null: it has no price.")
    shows_text: bool
    note: str


class SourceList(BaseModel):
    """The sources of posts."""

    items: list[SourceItem]
    sample: bool = Field(description="Whether the posts that we wrote for the first start are shown.")
