"""The account that the part `backup` gives of itself, from within its container."""

import json
from typing import Any

from stock_ops.compose.facts.containers import Container
from stock_ops.compose.facts.engine import ask
from stock_ops.compose.facts.stack import Stack

_ASK = (
    "from urllib.request import urlopen as ask; "
    "print(ask('http://127.0.0.1:8003/status', timeout=5).read().decode())"
)


def ask_part(stack: Stack, container: Container | None) -> dict[str, Any] | None:
    """None when it does not run, or does not answer."""
    if container is None or not container.runs:
        return None
    answer = ask(stack.engine.program, "exec", container.id, "python3", "-c", _ASK)
    try:
        found: dict[str, Any] = json.loads(answer.text)
    except ValueError:
        return None
    return found
