"""Which sources there are, and those that the settings turn on."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from stock_analysis.kit.settings import Settings, secret
from stock_analysis.sentiment.sources.bluesky import Bluesky
from stock_analysis.sentiment.sources.edgar import Edgar
from stock_analysis.sentiment.sources.feeds import Feeds
from stock_analysis.sentiment.sources.naver import Naver
from stock_analysis.sentiment.sources.port import About, Source
from stock_analysis.sentiment.sources.reddit import Reddit
from stock_analysis.sentiment.sources.x import X

ABOUT: Mapping[str, About] = {
    kind.about.name: kind.about for kind in (Bluesky, Feeds, Edgar, Naver, Reddit, X)
}


def wanted(settings: Settings) -> tuple[list[Source], list[str]]:
    """The sources that the settings name, and why some of those cannot be begun: the others are."""
    found: list[Source] = []
    faults: list[str] = []
    for name in dict.fromkeys(one.strip().lower() for one in settings.sentiment_sources):
        if name not in ABOUT:
            faults.append(
                f"sentiment_sources: there is no source {name[:40]!r}; there are {', '.join(ABOUT)}"
            )
        elif missing := missing_settings(ABOUT[name], settings):
            faults.append(f"{name} needs {', '.join(missing)} in the settings")
        else:
            found.append(_MAKE[name](settings))
    return found, faults


def missing_settings(about: About, settings: Settings) -> list[str]:
    """The settings that a source needs and that are not set."""
    return [name for name in about.needs if not _is_set(settings, name)]


def dollars_a_day(about: About, settings: Settings) -> Decimal | None:
    """The cap of a source that has a price; None = it has none."""
    return Decimal(str(settings.sentiment_x_dollars_a_day)) if about.price else None


def _is_set(settings: Settings, name: str) -> bool:
    return bool(getattr(settings, name)) or bool(getattr(settings, f"{name}_file", None))


def _secret(settings: Settings, name: str) -> str:
    values = secret(settings, name).read()
    return values[0] if values else ""


def _pair(settings: Settings, name: str) -> Callable[[], tuple[str, str]]:
    return lambda: (_secret(settings, f"{name}_id"), _secret(settings, f"{name}_secret"))


def _words(values: Sequence[str]) -> list[str]:
    return [one.strip() for one in values if one.strip()]


_MAKE: Mapping[str, Callable[[Settings], Source]] = {
    "bluesky": lambda s: Bluesky(s.sentiment_bluesky_url),
    "rss": lambda s: Feeds(_words(s.sentiment_rss_feeds)),
    "edgar": lambda s: Edgar(s.sentiment_edgar_url, s.sentiment_edgar_contact),
    "naver": lambda s: Naver(
        s.sentiment_naver_url, _words(s.sentiment_naver_queries), _pair(s, "sentiment_naver")
    ),
    "reddit": lambda s: Reddit(
        s.sentiment_reddit_url,
        s.sentiment_reddit_token_url,
        _words(s.sentiment_reddit_subreddits),
        _pair(s, "sentiment_reddit"),
    ),
    "x": lambda s: X(
        *(s.sentiment_x_url, s.sentiment_x_query, lambda: _secret(s, "sentiment_x_token")),
        stream=s.sentiment_x_stream,
    ),
}
