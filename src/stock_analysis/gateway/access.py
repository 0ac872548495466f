"""Who may use the API, and how often."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stock_analysis.domain.errors import StockAnalysisError, UnavailableError
from stock_analysis.gateway.keys import KeyRing
from stock_analysis.gateway.limits import WINDOW_S, Allowance, Limiter, client_of_address
from stock_analysis.gateway.ports import ApiKey, KeyScope
from stock_analysis.kit.http import KEY_PREFIX
from stock_analysis.kit.problems import problem

_CREDENTIALS = (b"authorization", b"x-api-key")
_PROTOCOLS = b"sec-websocket-protocol"
_TOKEN_PROTOCOL = b"bearer."
"""A page cannot give a WebSocket a header; it names a protocol of this form after its own."""
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

    ring: None where no key is required. limiter: None where nothing is limited.
    """

    def __init__(self, app: ASGIApp, ring: KeyRing | None, limiter: Limiter | None) -> None:
        self._app = app
        self._ring = ring
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass."""
        if not self._guards(scope):
            if scope.get("path") in _HEALTH:
                scope[_MAY_OPERATE] = self._ring is None or await self._has_operate(scope, self._ring)
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
        token = _take_token(scope)
        if token is None:
            await self._count(address)
            raise _unauthorized("this address asks for an API key: Authorization: Bearer sa_...", "")
        key = await self._key(self._ring, token, address)
        _check_scope(key, scope["path"])
        scope[KEY_PREFIX] = key.prefix
        scope[_VISITOR] = self._visitor(f"key:{key.prefix}", token)
        return await self._count(f"key:{key.prefix}") if scope["path"] != _METRICS else None

    def _visitor(self, name: str, token: str | None) -> Visitor:
        async def granted() -> str | None:
            try:
                await self._count(name)
            except _RefusedError as error:
                return str(error)
            return None

        async def allowed() -> bool:
            if token is None or self._ring is None:
                return True
            try:
                return await self._ring.verify(token) is not None
            except UnavailableError:
                return True  # nobody knows now; it is asked again

        return Visitor(name, granted, allowed)

    async def _has_operate(self, scope: Scope, ring: KeyRing) -> bool:
        """Whether the request carries a key of an operator; health is told to anyone, so none is refused."""
        token = _take_token(scope)
        if token is None:
            return False
        try:
            key = await self._key(ring, token, _address(scope))
        except _RefusedError:
            return False
        return KeyScope.OPERATE in key.scopes

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


async def _verify(ring: KeyRing, token: str) -> ApiKey:
    try:
        key = await ring.verify(token)
    except UnavailableError as error:
        detail = f"API keys cannot be checked: {error}"
        raise _RefusedError(503, detail, {"retry-after": "1"}) from error
    if key is None:
        raise _unauthorized("this API key is unknown, expired or revoked", ', error="invalid_token"')
    return key


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
