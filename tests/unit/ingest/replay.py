"""Recorded answers given by the HTTP layer of the package requests in place of the network."""

import io
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

RECORDED = Path(__file__).parent / "recorded"

Answer = tuple[int, bytes]
Router = Callable[[str, dict[str, str]], Answer]


def recorded(name: str, status: int = 200) -> Answer:
    return status, (RECORDED / name).read_bytes()


def network_down(_url: str, _fields: dict[str, str]) -> Answer:
    raise requests.ConnectionError("Failed to resolve host")


class Wire:
    """Answers every request by `route` and keeps what was asked: (url, fields of query and body)."""

    def __init__(self, route: Router) -> None:
        self.route = route
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.timeouts: list[object] = []

    def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:
        parts = urlsplit(request.url or "")
        body = request.body.decode() if isinstance(request.body, bytes) else request.body or ""
        fields = {key: values[0] for key, values in parse_qs(f"{parts.query}&{body}").items()}
        url = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self.asked.append((url, fields))
        self.timeouts.append(options.get("timeout"))
        return self._response(request, *self.route(url, fields))

    @staticmethod
    def _response(request: requests.PreparedRequest, status: int, body: bytes) -> requests.Response:
        response = requests.Response()
        response.status_code, response.raw = status, io.BytesIO(body)
        response.request, response.url = request, request.url or ""
        response.encoding = "utf-8"
        return response


def put_on_wire(monkeypatch: pytest.MonkeyPatch, route: Router) -> Wire:
    wire = Wire(route)
    monkeypatch.setattr(
        requests.adapters.HTTPAdapter,
        "send",
        lambda _adapter, request, **more: wire.send(request, **more),
    )
    return wire
