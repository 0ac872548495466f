"""A connection that leaves HTTP behind: the answer 101 passes through all layers, as every answer does.

An application that wants to take a connection over answers 101 and puts the protocol that is to have it into
the message. So an upgrade is counted, logged, limited and refused as every request is.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPGRADE = "stock_analysis.upgrade"
"""In the extensions of an ASGI scope: the connection, if it can be taken over."""
PROTOCOL = "protocol"
"""In the message `http.response.start` with status 101: what takes it over."""


class Upgraded(Protocol):
    """What has a connection after its upgrade. forget: to be called with it once the connection is lost."""

    forget: Callable[[object], None]

    def connection_made(self, transport: asyncio.Transport) -> None:
        """The connection is its own now."""

    def shutdown(self) -> None:
        """The server is stopping: end soon."""


class Connection(Protocol):
    """What an HTTP connection must be able to do for an upgrade."""

    def switch(self, headers: list[tuple[bytes, bytes]], protocol: Any) -> None:
        """Answer 101 with these headers, and hand the connection over."""


class Upgrades:
    """The outermost layer: turns an answer 101 into the hand-over."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        connection: Connection | None = scope.get("extensions", {}).get(UPGRADE)
        if connection is None:
            await self._app(scope, receive, send)
            return

        async def upgrading_send(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 101:
                connection.switch(list(message["headers"]), message[PROTOCOL])
            else:
                await send(message)

        await self._app(scope, receive, upgrading_send)
