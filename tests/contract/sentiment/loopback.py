"""Answers of the sources on loopback, made after their official documents; none was recorded live."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from stock_analysis.testing.processes import free_port


@dataclass
class Script:
    """What the next requests are answered with, in order, the last one again and again; what was asked."""

    answers: list[Callable[[], web.StreamResponse | str]] = field(default_factory=list)
    asked: list[web.Request] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    url: str = ""

    def then(
        self, body: Any = b"", status: int = 200, headers: dict[str, str] | None = None, *, cut: bool = False
    ) -> "Script":
        """Another answer. cut: the connection breaks off within it."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        if cut:
            self.answers.append(lambda: "cut")
        else:
            self.answers.append(lambda: web.Response(body=data, status=status, headers=headers or {}))
        return self

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        sent = await request.read()
        is_json = request.content_type == "application/json" and sent
        self.bodies.append(orjson.loads(sent) if is_json else None)
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await self._stream(request)
        if request.path.endswith("access_token"):
            return web.json_response({"access_token": "token-1", "expires_in": 3600})
        made = (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])()
        if isinstance(made, str):
            response = web.StreamResponse(headers={"content-length": "1000"})
            await response.prepare(request)
            await response.write(b'{"half')
            assert request.transport is not None
            request.transport.abort()
            return response
        return made

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for message in self.messages:
            await socket.send_str(message if isinstance(message, str) else orjson.dumps(message).decode())
        await asyncio.sleep(0.05)
        await socket.close()
        return socket


@asynccontextmanager
async def served() -> AsyncIterator[Script]:
    """A server on loopback that follows a script."""
    script = Script()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    script.url = f"http://127.0.0.1:{port}"
    try:
        yield script
    finally:
        await runner.cleanup()
