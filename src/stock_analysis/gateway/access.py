"""Who may use the API, and how often."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stock_analysis.domain.errors import StockAnalysisError, UnavailableError
from stock_analysis.gateway.keys import KeyRing
from stock_analysis.gateway.limits import WINDOW_S, Allowance, Limiter, client_of_address
from stock_analysis.gateway.ports import ApiKey, KeyScope
from stock_analysis.gateway.sessions import COOKIE, Sessions
from stock_analysis.kit.http import KEY_PREFIX
from stock_analysis.kit.inside import is_inside
from stock_analysis.kit.problems import problem
from stock_analysis.kit.secret_files import Secret

_CREDENTIALS = (b"authorization", b"x-api-key")
_PROTOCOLS = b"sec-websocket-protocol"
_TOKEN_PROTOCOL = b"bearer."
"""A page cannot give a WebSocket a header; it names a protocol of this form after its own."""
_SAFE = frozenset({"GET", "HEAD"})
_METRICS = "/metrics"
_CONTRACT = "/openapi.json"
_HEALTH = frozenset({"/health", "/readyz"})
_MAY_OPERATE = "stock_analysis.may_operate"
_OPERATIONS = "/api/v1/operations"
_LIVE = "/ws"
_VISITOR = "stock_analysis.visitor"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, for what goes on after the request. granted: counts one more request of theirs, and gives a
    reason where it may not be made. allowed: whether their key still holds.
    """

    name: str
    granted: Callable[[], Awaitable[str | None]]
    allowed: Callable[[], Awaitable[bool]]


def visitor_of(scope: Scope) -> Visitor:
    """Who asks, of a request that Access let through."""
    found: Visitor = scope[_VISITOR]
    return found


class _RefusedError(StockAnalysisError):
    """The request may not pass."""

    def __init__(self, status: int, detail: str, headers: dict[str, str]) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


class Access:
    """Asks for a key where one is required, and counts the requests of each client.

    ring: None where no key is required. limiter: None where nothing is limited. A session of the page
    stands for the key that it was begun with.
    """

    def __init__(
        self, app: ASGIApp, ring: KeyRing | None, limiter: Limiter | None, sessions: Sessions | None = None
    ) -> None:
        self._app = app
        self._ring = ring
        self._limiter = limiter
        self._sessions = sessions or Sessions(Secret())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass."""
        if not self._guards(scope):
            if scope.get("path") in _HEALTH:
                ring = self._ring
                scope[_MAY_OPERATE] = ring is None or is_inside(scope) or await self._has_operate(scope, ring)
            await self._app(scope, receive, send)
            return
        try:
            allowance = await self._admit(scope)
        except _RefusedError as error:
            refusal = problem(error.status, str(error), instance=scope["path"], headers=error.headers)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, _telling(send, allowance) if allowance else send)

    async def _admit(self, scope: Scope) -> Allowance | None:
        address = _address(scope)
        if self._ring is None or scope["path"] == _CONTRACT:
            scope[_VISITOR] = self._visitor(address, None)
            return await self._count(address)
        key = await self._key_of(self._ring, scope, address)
        if key is None:
            await self._count(address)
            raise _unauthorized("this address asks for an API key: Authorization: Bearer sa_...", "")
        _check_scope(key, scope["path"])
        scope[KEY_PREFIX] = key.prefix
        scope[_VISITOR] = self._visitor(f"key:{key.prefix}", key.prefix)
        return await self._count(f"key:{key.prefix}") if scope["path"] != _METRICS else None

    def _visitor(self, name: str, prefix: str | None) -> Visitor:
        async def granted() -> str | None:
            try:
                await self._count(name)
            except _RefusedError as error:
                return str(error)
            return None

        async def allowed() -> bool:
            if prefix is None or self._ring is None:
                return True
            try:
                return await self._ring.look_up(prefix) is not None
            except UnavailableError:
                return True  # nobody knows now; it is asked again

        return Visitor(name, granted, allowed)

    async def _has_operate(self, scope: Scope, ring: KeyRing) -> bool:
        """Whether the request carries a key of an operator; health is told to anyone, so none is refused."""
        try:
            key = await self._key_of(ring, scope, _address(scope))
        except _RefusedError:
            return False
        return key is not None and KeyScope.OPERATE in key.scopes

    async def _key_of(self, ring: KeyRing, scope: Scope, address: str) -> ApiKey | None:
        """The key that the request carries, else that of its session."""
        token, cookie = _take_token(scope), _take_session(scope)
        if token is not None:
            return await self._key(ring, token, address)
        return await self._key_of_session(ring, scope, cookie, address) if cookie else None

    async def _key_of_session(self, ring: KeyRing, scope: Scope, cookie: str, address: str) -> ApiKey | None:
        """None: the session is over. Raises _RefusedError when another site sends the request."""
        try:
            prefix = self._sessions.read(cookie)
        except OSError as error:
            raise _RefusedError(503, f"sessions cannot be checked: {error}", {"retry-after": "1"}) from error
        if prefix is None:
            return None
        if scope.get("method") not in _SAFE and not _is_of_this_site(scope):
            raise _RefusedError(403, "a session changes things, or stays open, for the page itself alone", {})
        key = ring.recall_prefix(prefix)
        if key is None:
            await self._count(address)
            key = await _asked(ring.look_up(prefix))
        return key

    async def _key(self, ring: KeyRing, token: str, address: str) -> ApiKey:
        key = ring.recall(token)
        if key is None:
            # Counted by address before the database is asked, so that guessing keys does not load it.
            await self._count(address)
            key = await _verify(ring, token)
        return key

    def _guards(self, scope: Scope) -> bool:
        path = scope.get("path", "")
        return (
            path.startswith("/api/")
            or path in (_CONTRACT, _LIVE)
            or (path == _METRICS and self._ring is not None)
        )

    async def _count(self, client: str) -> Allowance | None:
        if self._limiter is None:
            return None
        allowance = await self._limiter.take(client)
        if not allowance.granted:
            detail = f"more than {allowance.limit} requests in a minute; wait {allowance.reset_s} s"
            headers = {"retry-after": str(allowance.reset_s)}
            headers |= {name.decode(): value.decode() for name, value in _limit_headers(allowance)}
            raise _RefusedError(429, detail, headers)
        return allowance


def may_operate(scope: Scope) -> bool:
    """Whether Access found who asks for the health to be an operator, or no keys to be required."""
    return scope.get(_MAY_OPERATE, False) is True


def _address(scope: Scope) -> str:
    return "address:" + client_of_address(scope["client"][0] if scope.get("client") else "unknown")


def _take_token(scope: Scope) -> str | None:
    """The key that the request carries, taken out of it, so that no service behind us ever sees it."""
    given: dict[bytes, bytes] = {name: value for name, value in scope["headers"] if name in _CREDENTIALS}
    if not given:
        return _take_protocol_token(scope)
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in _CREDENTIALS]
    kind, _, token = given.get(b"authorization", b"").partition(b" ")
    if kind.lower() == b"bearer":
        return token.strip().decode("latin-1")
    return given.get(b"x-api-key", b"").decode("latin-1") or None


def _take_protocol_token(scope: Scope) -> str | None:
    """The key among the protocols that a WebSocket asks for, taken out of them."""
    if scope["path"] != _LIVE:
        return None
    token, headers = None, []
    for name, value in scope["headers"]:
        if name == _PROTOCOLS:
            offered = [one.strip() for one in value.split(b",")]
            keys = [one for one in offered if one.startswith(_TOKEN_PROTOCOL)]
            token = keys[0].removeprefix(_TOKEN_PROTOCOL).decode("latin-1") if keys else token
            others = [one for one in offered if one not in keys]
            headers += [(name, b", ".join(others))] if others else []
        else:
            headers.append((name, value))
    scope["headers"] = headers
    return token


def _take_session(scope: Scope) -> str | None:
    """The cookie of the session, taken out of the request with all other cookies: no service needs one."""
    given: list[bytes] = [value for name, value in scope["headers"] if name == b"cookie"]
    if not given:
        return None
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"cookie"]
    for part in b";".join(given).split(b";"):
        name, _, value = part.strip().partition(b"=")
        if name == COOKIE.encode():
            return value.decode("latin-1")
    return None


def _is_of_this_site(scope: Scope) -> bool:
    """Whether a browser says that the page itself sends the request, and no other site."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    origin = headers.get(b"origin")
    return origin is not None and origin.partition(b"://")[2] == headers.get(b"host")


async def _verify(ring: KeyRing, token: str) -> ApiKey:
    key = await _asked(ring.verify(token))
    if key is None:
        raise _unauthorized("this API key is unknown, expired or revoked", ', error="invalid_token"')
    return key


async def _asked(question: Awaitable[ApiKey | None]) -> ApiKey | None:
    try:
        return await question
    except UnavailableError as error:
        detail = f"API keys cannot be checked: {error}"
        raise _RefusedError(503, detail, {"retry-after": "1"}) from error


def _check_scope(key: ApiKey, path: str) -> None:
    needed = KeyScope.OPERATE if _is_for_operators(path) else KeyScope.READ
    if needed not in key.scopes:
        challenge = f'Bearer realm="stock-analysis", error="insufficient_scope", scope="{needed}"'
        raise _RefusedError(403, f"this key lacks the scope {needed}", {"www-authenticate": challenge})


def _is_for_operators(path: str) -> bool:
    return path in (_METRICS, _OPERATIONS) or path.startswith(f"{_OPERATIONS}/")


def _unauthorized(detail: str, reason: str) -> _RefusedError:
    return _RefusedError(401, detail, {"www-authenticate": f'Bearer realm="stock-analysis"{reason}'})


def _limit_headers(allowance: Allowance) -> list[tuple[bytes, bytes]]:
    """RateLimit header fields of the IETF's httpapi working group."""
    return [
        (b"ratelimit-policy", b'"default";q=%d;w=%d' % (allowance.limit, WINDOW_S)),
        (b"ratelimit", b'"default";r=%d;t=%d' % (allowance.remaining, allowance.reset_s)),
    ]


def _telling(send: Send, allowance: Allowance) -> Send:
    async def telling_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_limit_headers(allowance)]
        await send(message)

    return telling_send
