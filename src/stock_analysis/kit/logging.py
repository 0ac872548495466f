"""Structured logs: a constant event name, values as fields, a request id in every line of a request."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

Event = MutableMapping[str, Any]

_ECS_NAMES = {"event": "message", "level": "log.level", "logger": "log.logger", "request_id": "trace.id"}


def configure_logging(service: str, log_format: str, level: str) -> None:
    """Send every log line of this process, also those of libraries, to standard error.

    service: `service.name` of each line. log_format: console or json (Elastic Common Schema).
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="@timestamp"),
    ]
    renderer = _console() if log_format == "console" else _ecs(service)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _console() -> list[structlog.typing.Processor]:
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), timestamp_key="@timestamp")]


def _ecs(service: str) -> list[structlog.typing.Processor]:
    def rename(_logger: object, _method: str, event: Event) -> Event:
        named = {_ECS_NAMES.get(key, key): value for key, value in event.items()}
        return {"ecs.version": "8.11", "service.name": service, **named}

    return [structlog.processors.format_exc_info, rename, structlog.processors.JSONRenderer(default=str)]
