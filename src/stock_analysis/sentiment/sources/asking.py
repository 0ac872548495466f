"""Asking a source over HTTP: its refusals and limits as SourceError, its content as objects."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from stock_analysis.sentiment.sources.port import SourceError, Why
from stock_analysis.sentiment.sources.web import Answer, WebError, again_at

T = TypeVar("T")
Reset = tuple[str, Callable[[str, datetime], datetime | None]]
NO_RESET: Reset = ("", lambda *_: None)


async def asked(call: Awaitable[Answer], title: str, reset: Reset = NO_RESET) -> Answer:
    """The answer, if it is one (200, 201 or 304). Raises SourceError saying what it was instead.

    reset: the source's own header that says when it may be asked again, and how it is read.
    """
    try:
        answer = await call
    except WebError as error:
        raise SourceError(Why.FAILING, f"{title} cannot be reached: {error}") from error
    return accepted(answer, title, reset)


def accepted(answer: Answer, title: str, reset: Reset = NO_RESET) -> Answer:
    """The same of an answer that is there."""
    if answer.status in (200, 201, 304):
        return answer
    now = datetime.now(UTC)
    said = _said(answer)
    if answer.status == 429:
        again = again_at(answer.headers, now, *reset)
        raise SourceError(Why.LIMITED, f"{title} was asked too often (429){said}", again)
    if answer.status in (401, 403):
        raise SourceError(Why.REFUSED, f"{title} refuses the key ({answer.status}){said}")
    again = again_at(answer.headers, now)
    raise SourceError(Why.FAILING, f"{title} answers {answer.status}{said}", again)


def _said(answer: Answer) -> str:
    """What the body of a refusal says, in a line."""
    text = " ".join(answer.body[:300].decode(errors="replace").split())
    return f": {text[:160]}" if text and not text.startswith("<") else ""


def understood(title: str, read: Callable[[], T]) -> T:
    """What reading an answer gives. Raises SourceError where it is not what the source's documents say."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise SourceError(
            Why.FAILING, f"{title} answers what cannot be understood: {type(error).__name__}: {error}"[:300]
        ) from error


def text_of(values: Mapping[str, Any], name: str) -> str:
    """A text, "" where it is missing. Raises TypeError for another type."""
    found = values.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise TypeError(f"{name} is no text")
    return found
