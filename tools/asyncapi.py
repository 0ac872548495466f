"""The contract of the events as AsyncAPI 3, from the classes of their payloads."""

import inspect
import json
from typing import Any

import msgspec

from stock_analysis import __version__
from stock_analysis.domain.events import PAYLOADS
from stock_analysis.kit.events import DeadLetter, Event, Topic

HEAD = "# Written by `make generate` from domain/events.py and kit/events.py; do not edit.\n"
_ABOUT = "Events between the services of stock-analysis; docs/events.md says how they travel."


def contract() -> str:
    """The contract, as YAML: JSON is YAML, and every tool reads it."""
    classes: list[type] = [*PAYLOADS.values(), DeadLetter]
    _, schemas = msgspec.json.schema_components(classes, ref_template="#/components/schemas/{name}")
    messages = {one.__name__: _message(one) for one in classes}
    channels = {topic.value: _channel(topic.value, PAYLOADS[topic.value], _about(topic)) for topic in Topic}
    for topic in Topic:
        if topic.is_durable:
            channels[topic.dead_letters] = _channel(
                topic.dead_letters, DeadLetter, f"What could not be dealt with of {topic.value}."
            )
    whole = {
        "asyncapi": "3.0.0",
        "info": {"title": "stock-analysis", "version": __version__, "description": _ABOUT},
        "defaultContentType": "application/json",
        "channels": channels,
        "components": {"messages": messages, "schemas": {**schemas, "Headers": _headers()}},
    }
    return HEAD + json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _channel(name: str, payload: type, about: str) -> dict[str, Any]:
    reference = {"$ref": f"#/components/messages/{payload.__name__}"}
    return {"address": name, "description": about, "messages": {payload.__name__: reference}}


def _about(topic: Topic) -> str:
    """The text after each topic in its class; Python itself forgets it."""
    lines = inspect.getsource(Topic).splitlines()
    place = next(n for n, line in enumerate(lines) if line.strip().startswith(f"{topic.name} ="))
    return lines[place + 1].strip().strip('"')


def _message(payload: type) -> dict[str, Any]:
    version = getattr(payload, "schema", "1.0")
    return {
        "name": payload.__name__,
        "title": (inspect.getdoc(payload) or "").partition("\n")[0],
        "x-schema-version": version,
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{payload.__name__}"},
    }


def _headers() -> dict[str, Any]:
    whole = Event("t", "k", b"", "s", sequence=1, epoch="e", request_id="r", traceparent="p").headers()
    least = Event("t", "k", b"", "s").headers()
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in whole},
        "required": sorted(least),
    }
