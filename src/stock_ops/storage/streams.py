"""Data of Valkey that cannot be computed again, as portable text: event streams, positions, other keys.

{"format": 1, "keys": [{"key": ..., "type": ..., "expires_at_ms": null, "value": ...}, ...]}

value by type: string: its text; list, set: the members; hash: pairs; zset: pairs of member and score;
stream: {"last_id": ..., "entries": [[id, [[field, value], ...]], ...], "groups": [{"name": ...,
"last_delivered_id": ..., "pending": [{"id": ..., "consumer": ..., "deliveries": ...}, ...]}, ...]}.
Ids are text. A key, member, field, value or name is text, or {"base64": ...} where its bytes are no UTF-8.
"""

import base64
import json
from collections.abc import Sequence
from typing import Any

FORMAT = 1

Text = str | dict[str, str]


def encode(data: bytes) -> Text:
    """Bytes as they stand in the text."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def decode(text: Text) -> bytes:
    """The bytes again."""
    return text.encode("utf-8") if isinstance(text, str) else base64.b64decode(text["base64"])


def dump_streams(keys: Sequence[dict[str, Any]]) -> bytes:
    """The text."""
    return json.dumps({"format": FORMAT, "keys": list(keys)}, indent=1).encode() + b"\n"


def load_streams(data: bytes) -> list[dict[str, Any]]:
    """The keys in a text. Raises ValueError when it makes no sense."""
    body = json.loads(data)
    keys = body.get("keys") if isinstance(body, dict) and body.get("format") == FORMAT else None
    if not isinstance(keys, list):
        raise ValueError("it holds no keys in a format that this release knows")  # noqa: TRY004 - the text is wrong
    return keys
