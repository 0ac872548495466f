"""How the sources of posts stand, for the API and the command line."""

from collections.abc import Sequence
from typing import Any

from stock_analysis.kit.settings import Settings
from stock_analysis.sentiment.ports import SourceState
from stock_analysis.sentiment.repository import PostgresPostStore
from stock_analysis.sentiment.sources.catalogue import ABOUT, dollars_a_day, missing_settings
from stock_analysis.sentiment.sources.port import About


async def list_sources(store: PostgresPostStore, settings: Settings) -> dict[str, Any]:
    """Every source that there is, as schemas.SourceList has it."""
    states = await store.sources()
    sample, _ = await store.holds()
    on = {name.strip().lower() for name in settings.sentiment_sources}
    items = [_item(about, settings, states.get(name), is_on=name in on) for name, about in ABOUT.items()]
    return {"items": items, "sample": sample}


def _item(about: About, settings: Settings, state: SourceState | None, *, is_on: bool) -> dict[str, Any]:
    dollars = dollars_a_day(about, settings)
    known = state or SourceState(about.name)
    missing = missing_settings(about, settings)
    return {
        "name": about.name,
        "title": about.title,
        "configured": is_on,
        "state": "off" if not is_on else "refused" if missing else known.state,
        "reason": "" if not is_on else f"it needs {', '.join(missing)}" if missing else known.reason,
        "needs": _needs(about.needs, missing),
        "last_post_at": known.last_post_at,
        "last_seen_at": known.last_seen_at,
        "again_at": known.again_at if is_on else None,
        "posts_today": known.posts,
        "posts_most": about.posts or settings.sentiment_posts_a_day,
        "requests_today": known.requests,
        "spent_today_usd": float(known.spent),
        "spent_most_usd": None if dollars is None else float(dollars),
        "shows_text": about.shows_text,
        "note": about.note,
    }


def _needs(needs: Sequence[str], missing: Sequence[str]) -> list[str]:
    return [name for name in needs if name in missing]
