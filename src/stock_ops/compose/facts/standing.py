"""How the events, the live prices and posts stand, in the words of the services that carry them."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stock_ops.compose.facts.containers import Container
from stock_ops.compose.facts.engine import ask
from stock_ops.compose.facts.stack import Stack
from stock_ops.local.facts.health import PartsHealth, read_events, read_live, read_posts

_ASKED = ("relay", "live", "sentiment", "gateway")
_ASK = (
    "import os; from http.client import HTTPConnection as Door; "
    "_, port, word = open(os.environ['STOCK_SERVING_FILE']).read().split(); "
    "door = Door('127.0.0.1', int(port), timeout=5); "
    "door.request('GET', '/readyz', headers={'stock-inside': word}); "
    "print(door.getresponse().read().decode())"
)
"""With the word that the process keeps for who is inside: the gateway shows its parts to operators alone."""


@dataclass(frozen=True, slots=True)
class Standing:
    """None where no service says it."""

    events: PartsHealth | None = None
    """Relay and delivery: what waits, how far it is behind, what was set aside."""
    live: PartsHealth | None = None
    """The clients of the gateway, and the sources where the service `live` runs."""
    posts: PartsHealth | None = None
    """Sources of posts, and the model."""


def observe_standing(stack: Stack, containers: Mapping[str, Container]) -> Standing:
    """Ask the services that run."""
    asked = [name for name in _ASKED if name in containers and containers[name].runs]
    with ThreadPoolExecutor(len(_ASKED)) as pool:
        told = dict(
            zip(asked, pool.map(lambda name: _readiness(stack, containers[name]), asked), strict=True)
        )
    return Standing(
        read_events(told.get("relay", b"")),
        _joined(read_live(told.get("gateway", b"")), read_live(told.get("live", b""))),
        read_posts(told.get("sentiment", b"")),
    )


def _readiness(stack: Stack, container: Container) -> bytes:
    """The answer of /readyz, whatever its status; empty without one."""
    return ask(stack.engine.program, "exec", container.id, "python3", "-c", _ASK).text.encode()


def _joined(clients: PartsHealth | None, sources: PartsHealth | None) -> PartsHealth | None:
    """As the one process of `local` says both."""
    known = [one for one in (clients, sources) if one]
    return (
        PartsHealth(all(one.ok for one in known), "; ".join(one.detail for one in known)) if known else None
    )
