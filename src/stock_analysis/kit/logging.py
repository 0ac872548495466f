"""Structured logs: a constant event name, values as fields, a request id in every line of a request."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog
from prometheus_client import Counter

from stock_analysis.kit.request_id import current_request_id

Event = MutableMapping[str, Any]
Processor = structlog.typing.Processor

_ECS_NAMES = {
    "event": "message",
    "level": "log.level",
    "logger": "log.logger",
    "method": "http.request.method",
    "path": "url.path",
    "status": "http.response.status_code",
    "client": "client.address",
    "error": "error.message",
    "exception": "error.stack_trace",
    "@timestamp": "@timestamp",
}
_OURS = "stock_analysis"
_LOST = Counter(
    "log_lines_lost_total", "Log lines that could not be written: nobody reads them, or a disk is full."
)
_TOO_TALKATIVE = ("uvicorn", "aiohttp", "httpx", "httpcore", "asyncio")


def configure_logging(service: str, log_format: str, level: str) -> None:
    """Send every log line of this process, also those of libraries, to standard error.

    service: `service.name` of each line. log_format: console or json (Elastic Common Schema).
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="@timestamp"),
        _add_request_id,
    ]
    renderers = [_plain_console()] if log_format == "console" else _ecs(service)
    _configure_libraries(shared, renderers, level)
    structlog.configure(
        processors=[*shared, *renderers, _encode],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda name=None: _Lines(sys.stderr.buffer, name=name),
        cache_logger_on_first_use=True,
    )


def _configure_libraries(shared: list[Processor], renderers: list[Processor], level: str) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _TOO_TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _add_request_id(_logger: object, _method: str, event: Event) -> Event:
    request_id = current_request_id.get()
    if request_id:
        event["request_id"] = request_id
    return event


def _plain_console() -> Processor:
    # Not the formatter that structlog takes where Rich is installed: it prints local variables, so secrets.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        timestamp_key="@timestamp",
        exception_formatter=structlog.dev.plain_traceback,
    )


def _ecs(service: str) -> list[Processor]:
    def rename(_logger: object, _method: str, event: Event) -> Event:
        """ECS's own names; what ECS does not know stands under our name, so that no field changes type."""
        line: Event = {"@timestamp": event.pop("@timestamp"), "ecs.version": "8.11", "service.name": service}
        if "request_id" in event:
            line["http.request.id"] = line["trace.id"] = event.pop("request_id")
        if "duration_ms" in event:
            line["event.duration"] = round(event.pop("duration_ms") * 1_000_000)
        for key, value in event.items():
            line[_ECS_NAMES.get(key) or f"{_OURS}.{key}"] = value
        return line

    return [structlog.processors.format_exc_info, rename, _to_json]


def _to_json(_logger: object, _method: str, event: Event) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class _Lines(structlog.BytesLogger):
    """Writes lines, and counts those that cannot be written.

    A service whose log nobody reads any more goes on serving, and above all stops when it is told to.
    """

    def msg(self, message: bytes) -> None:
        """Write a line."""
        try:
            super().msg(message)
        except OSError:
            _LOST.inc()

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def _encode(_logger: object, _method: str, line: Any) -> bytes:
    return str(line).encode()
