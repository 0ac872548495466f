"""What the gateway composes out of the services behind it: the operations answer and the contract."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import structlog

from stock_analysis import __version__
from stock_analysis.domain.errors import UnavailableError
from stock_analysis.gateway import schemas
from stock_analysis.gateway.backups import BackupPart
from stock_analysis.gateway.pages import ReadyFile, ready_file
from stock_analysis.gateway.ports import Service, Upstream
from stock_analysis.gateway.upstream import fetch
from stock_analysis.gateway.verdict import verdict_of
from stock_analysis.kit.health import Health, PartHealth
from stock_analysis.kit.problems import problem_responses

log = structlog.get_logger(__name__)

CONTRACT_FOR_S = 60.0
_REFUSALS = problem_responses(401, 403, 413, 421, 429)


class Operator:
    """Knows the state of the platform."""

    def __init__(self, target: str, stock: Upstream, health: Health, backups: BackupPart) -> None:
        self._target = target
        self._stock = stock
        self._health = health
        self._backups = backups
        self._started = time.monotonic()

    async def report(self) -> schemas.Operations:
        """The state now; a part that is down leaves its figures out."""
        report, facts, (backups, silence) = await asyncio.gather(
            self._health.report(), self._facts(), self._ask_backups()
        )
        parts = [_gateway(stopping=report.stopping), *(part.model_dump() for part in report.parts)]
        known = [schemas.Part.model_validate(part) for part in parts]
        return schemas.Operations.model_validate(
            {
                "version": __version__,
                "uptime_s": round(time.monotonic() - self._started, 1),
                "target": self._target,
                "parts": parts,
                "database": facts.get("database"),
                "cache": facts.get("cache"),
                "last_import": facts.get("last_import"),
                "backups_managed": self._backups.managed,
                "verdict": verdict_of(known, backups, silence).model_dump(),
            }
        )

    async def _ask_backups(self) -> tuple[schemas.Backups | None, str | None]:
        """The answer of the part that makes the backups, or why there is none."""
        if not self._backups.managed:
            return None, None
        try:
            return await self._backups.report(), None
        except UnavailableError as error:
            return None, str(error)

    async def _facts(self) -> dict[str, Any]:
        answer = await fetch(self._stock, "/api/v1/data")
        if answer.status == 200:
            found: dict[str, Any] = orjson.loads(answer.body)
            return found
        log.warning("figures unavailable", status=answer.status)
        return {}


def _gateway(*, stopping: bool) -> dict[str, Any]:
    part = PartHealth(
        name="gateway",
        healthy=not stopping,
        required=True,
        reason="it is stopping" if stopping else None,
        version=__version__,
        latency_ms=0.0,
    )
    return part.model_dump()


class Contract:
    """The OpenAPI document, made at most once in CONTRACT_FOR_S: it takes 10 ms and a call of the service.

    While the service does not give its part, the document of before is still given.
    """

    def __init__(self, services: Sequence[Service], clock: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._clock = clock
        self._lock = asyncio.Lock()
        self._file: ReadyFile | None = None
        self._until = -math.inf

    async def current(self, own: Callable[[], dict[str, Any]]) -> ReadyFile:
        """The document. own: makes the gateway's part. Raises UnavailableError if there never was one."""
        async with self._lock:
            if self._file is None or self._clock() >= self._until:
                self._file = await self._renewed(own)
                self._until = self._clock() + CONTRACT_FOR_S
        return self._file

    async def _renewed(self, own: Callable[[], dict[str, Any]]) -> ReadyFile:
        try:
            document = await merged_contract(own(), self._services)
        except UnavailableError as error:
            if self._file is None:
                raise
            log.warning("contract not renewed", error=str(error))
            return self._file
        return ready_file("/openapi.json", "application/json", orjson.dumps(document))


async def merged_contract(own: dict[str, Any], services: Sequence[Service]) -> dict[str, Any]:
    """One OpenAPI document of the gateway's own paths and the public ones of the services.

    Raises UnavailableError when a service that is needed does not give its own; another one is left out.
    """
    paths: dict[str, Any] = {}
    schemas_of: dict[str, Any] = {}
    for service in services:
        try:
            theirs = await _contract_of(service)
        except UnavailableError as error:
            if service.is_needed:
                raise
            log.warning("contract without a service", service=service.name, reason=str(error))
            continue
        paths |= {path: item for path, item in theirs["paths"].items() if path in service.paths}
        schemas_of |= theirs.get("components", {}).get("schemas", {})
    paths |= own["paths"]
    schemas_of |= own.get("components", {}).get("schemas", {})
    return {
        **own,
        "info": own["info"] | {"description": _ABOUT},
        "paths": {path: _guarded(path, item) for path, item in paths.items()},
        "components": {"schemas": schemas_of, "securitySchemes": _SECURITY_SCHEMES},
    }


async def _contract_of(service: Service) -> dict[str, Any]:
    answer = await fetch(service.upstream, "/openapi.json")
    if answer.status != 200:
        raise UnavailableError(f"the {service.name}-service's contract", f"it answers {answer.status}")
    found: dict[str, Any] = orjson.loads(answer.body)
    return found


_ABOUT = (
    "Every path that answers GET answers HEAD too, with the same status and header and no body. "
    "A page of another origin may use both where the setting `cors_origins` names it."
)
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, where one is required."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def _guarded(path: str, item: dict[str, Any]) -> dict[str, Any]:
    """The operations of a path with the answers that the gateway itself may give in their place."""
    if not path.startswith("/api/"):
        return item
    return {
        method: {
            **operation,
            "responses": _REFUSALS | operation["responses"],
            "security": [{}, {"bearer": []}, {"header": []}],
        }
        for method, operation in item.items()
    }
