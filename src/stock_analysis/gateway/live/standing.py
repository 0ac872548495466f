"""How the live prices stand, in a line for operators. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from stock_analysis.domain.live import Feed
from stock_analysis.gateway.live.feeds import FeedView

NOTHING_HEARD = "no source is heard"


def standing(clients: int, views: Iterable[tuple[str, FeedView]]) -> str:
    """Number of clients; of each source the states of its symbols, and of when its newest price is."""
    told = f"{clients:,} client{'s' * (clients != 1)}"
    of_source: dict[str, list[FeedView]] = defaultdict(list)
    for symbol, view in views:
        is_replay = view.origin.feed is Feed.REPLAY
        of_source[f"replay of {symbol}" if is_replay else view.origin.provider].append(view)
    lines = [f"{name}: {_source(own)}" for name, own in sorted(of_source.items())]
    return "; ".join([told, *(lines or [NOTHING_HEARD])])


def _source(views: Iterable[FeedView]) -> str:
    views = list(views)
    counts = Counter(view.state.value for view in views)
    states = ", ".join(f"{count:,} {state}" for state, count in counts.most_common())
    newest = max((view.as_of_ms for view in views if view.as_of_ms is not None), default=None)
    if newest is None:
        return f"{states}, no price yet"
    return f"{states}, as of {datetime.fromtimestamp(newest / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
