"""The headers that tell a browser what it may do with our answers, whatever they hold."""

_POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
CONTENT_SECURITY_POLICY = _POLICY.encode()
DOCS_SECURITY_POLICY = f"{_POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:".encode()
"""Swagger UI writes style attributes and shows its icons from data: addresses."""

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
SECURITY_HEADERS = (*_HEADERS, (b"content-security-policy", CONTENT_SECURITY_POLICY))
DOCS_SECURITY_HEADERS = (*_HEADERS, (b"content-security-policy", DOCS_SECURITY_POLICY))
