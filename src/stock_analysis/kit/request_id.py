"""The id that follows one request through every service and log line."""

import re
import uuid
from contextvars import ContextVar

REQUEST_ID_HEADER = b"x-request-id"
_TRACE = re.compile(r"[0-9a-f]{32}")
_USABLE = re.compile(rb"[A-Za-z0-9._-]{8,64}")

current_request_id: ContextVar[str] = ContextVar("request_id", default="")


def usable_or_new(given: bytes | None) -> str:
    """The caller's id where it is 8 to 64 of A-Z a-z 0-9 . _ -, else a new one."""
    if given is not None and _USABLE.fullmatch(given):
        return given.decode("ascii")
    return uuid.uuid4().hex


def traceparent(request_id: str) -> str:
    """W3C trace context of a request: the trace of our logs is its id; "" where the id has not that form."""
    return f"00-{request_id}-{request_id[:16]}-01" if _TRACE.fullmatch(request_id) else ""
