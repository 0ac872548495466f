"""Requests from within a container, which prove it by a word that only its own files hold.

The word is drawn at each start and stands in `serving_file`, mode 0600.
It opens the parts of the health alone.
"""

import hmac
import secrets

from starlette.types import ASGIApp, Receive, Scope, Send

HEADER = b"stock-inside"
_MARK = "stock_analysis.is_inside"


def draw() -> str:
    """A new word."""
    return secrets.token_urlsafe(32)


class Inside:
    """Marks the requests that carry the word, and takes it out of them all."""

    def __init__(self, app: ASGIApp, word: str) -> None:
        self._app, self._word = app, word.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        if scope["type"] == "http":
            given = [value for name, value in scope["headers"] if name == HEADER]
            if given:
                scope["headers"] = [one for one in scope["headers"] if one[0] != HEADER]
                scope[_MARK] = hmac.compare_digest(given[0], self._word)
        await self._app(scope, receive, send)


def is_inside(scope: Scope) -> bool:
    """Whether the request carried the word."""
    return scope.get(_MARK, False) is True
