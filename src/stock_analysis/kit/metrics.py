"""Metrics of HTTP servers: the route template is the label, never a symbol."""

from functools import lru_cache

from prometheus_client import Counter, Histogram

_LABELS = ["service", "method", "endpoint", "status"]
REQUESTS = Counter("http_requests_total", "Requests answered.", _LABELS)
DURATION = Histogram(
    "http_request_duration_seconds",
    "Time from the request's head to the last byte handed over.",
    _LABELS,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe(service: str, method: str, endpoint: str, status: int, seconds: float) -> None:
    """Count one request; methods that HTTP does not know share one label, status 0 = never answered."""
    count, duration = _series(service, method if method in _METHODS else "other", endpoint, status)
    count.inc()
    duration.observe(seconds)


@lru_cache(maxsize=4096)
def _series(service: str, method: str, endpoint: str, status: int) -> tuple[Counter, Histogram]:
    labels = (service, method, endpoint, str(status))
    return REQUESTS.labels(*labels), DURATION.labels(*labels)
