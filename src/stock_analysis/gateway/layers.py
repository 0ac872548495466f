"""The layers around every request: under which host name, and what a browser may do with the answer."""

from ipaddress import ip_address

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stock_analysis.kit.headers import DOCS_SECURITY_HEADERS, SECURITY_HEADERS
from stock_analysis.kit.problems import problem
from stock_analysis.kit.settings import Settings


def requires_key(settings: Settings) -> bool:
    """Whether the API asks for a key: unless told otherwise, on any address but loopback."""
    if settings.require_api_key == "auto":
        return not is_loopback(settings.host)
    return settings.require_api_key == "always"


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SecurityHeaders:
    """What a browser may do with our answers, whatever they hold."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and add the headers to the answer."""
        added = DOCS_SECURITY_HEADERS if scope.get("path", "").startswith("/docs") else SECURITY_HEADERS

        async def adding_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self._app(scope, receive, adding_send)


class KnownHosts:
    """Answers only to known names, so that a page of another site cannot rebind its name to this address.

    Where a key is required there is nothing to steal by that, and the names of the deployment are not known.
    """

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower().encode() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is addressed to us."""
        if scope["type"] != "http" or _host_name(scope) in self._hosts:
            await self._app(scope, receive, send)
            return
        detail = "this address does not answer to that host name; the setting trusted_hosts lists the known"
        await problem(421, detail, instance=scope["path"])(scope, receive, send)


def _host_name(scope: Scope) -> bytes:
    host: bytes = next((value for name, value in scope["headers"] if name == b"host"), b"").lower()
    name, colon, port = host.rpartition(b":")
    return name if colon and port.isdigit() else host
