"""The session of the page: begun with an API key, which the page then forgets, and ended."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from stock_analysis.domain.errors import UnavailableError
from stock_analysis.gateway.sessions import COOKIE, SESSION_S, Sessions
from stock_analysis.kit.http import KEY_PREFIX

_PATH = "/api/v1/session"


def session_router(sessions: Sessions) -> APIRouter:
    """Access has checked the key already, and says whose it is."""
    router = APIRouter(tags=["session"])

    @router.post(_PATH, summary="Begin a session of the page with an API key", status_code=204)
    def begin(request: Request) -> Response:
        """The cookie is for this site alone and no script can read it; it lasts 12 hours.

        Where no API key is required there is nothing to begin: the answer is the same, without a cookie.
        """
        answer = Response(status_code=204)
        prefix = request.scope.get(KEY_PREFIX)
        if prefix is not None:
            _set(answer, request, _cookie(sessions, prefix), SESSION_S)
        return answer

    @router.delete(_PATH, summary="End the session of the page", status_code=204)
    def end(request: Request) -> Response:
        """The browser forgets the cookie."""
        answer = Response(status_code=204)
        _set(answer, request, "", 0)
        return answer

    return router


def _cookie(sessions: Sessions, prefix: str) -> str:
    try:
        cookie = sessions.begin(prefix)
    except OSError as error:
        raise UnavailableError("the signing key of sessions", str(error)) from error
    if cookie is None:
        raise UnavailableError("the signing key of sessions", "the setting session_key_file is not set")
    return cookie


def _set(answer: Response, request: Request, value: str, max_age_s: int) -> None:
    answer.set_cookie(
        COOKIE,
        value,
        max_age=max_age_s,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
