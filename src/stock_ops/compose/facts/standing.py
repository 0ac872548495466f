"""How the events, the live prices and posts stand, in the words of the services that carry them."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stock_ops.compose.facts.containers import Container
from stock_ops.compose.facts.engine import ask
from stock_ops.compose.facts.stack import Stack
from stock_ops.local.facts.health import PartsHealth, read_events, read_live, read_posts

_PORTS = {"relay": 8003, "live": 8004, "sentiment": 8002}
_ASK = (
    "from http.client import HTTPConnection as Door; door = Door('127.0.0.1', {port}, timeout=5); "
    "door.request('GET', '/readyz'); print(door.getresponse().read().decode())"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """None where no service says it."""

    events: PartsHealth | None = None
    """Relay and delivery: what waits, how far it is behind, what was set aside."""
    live: PartsHealth | None = None
    """The sources, where the service `live` runs; the gateway tells its clients to a key with `operate`."""
    posts: PartsHealth | None = None
    """Sources of posts, and the model."""


def observe_standing(stack: Stack, containers: Mapping[str, Container]) -> Standing:
    """Ask the services that run."""
    asked = [name for name in _PORTS if name in containers and containers[name].runs]
    with ThreadPoolExecutor(len(_PORTS)) as pool:
        told = dict(
            zip(asked, pool.map(lambda name: _readiness(stack, containers[name]), asked), strict=True)
        )
    return Standing(
        read_events(told.get("relay", b"")),
        read_live(told.get("live", b"")),
        read_posts(told.get("sentiment", b"")),
    )


def _readiness(stack: Stack, container: Container) -> bytes:
    """The answer of /readyz, whatever its status; empty without one."""
    program = _ASK.format(port=_PORTS[container.service])
    return ask(stack.engine.program, "exec", container.id, "python3", "-c", program).text.encode()
