from ipaddress import IPv4Address

import pytest

from stock_analysis.gateway.layers import KnownHosts, SecurityHeaders, requires_key
from stock_analysis.kit.settings import Settings
from tests.unit.gateway.calls import call, echo_app, request

EVERYWHERE = str(IPv4Address(0))
HOSTS = ("127.0.0.1", "localhost", "[::1]", "chart.example")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "LOCALHOST:1", "[::1]", "[::1]:8080", "chart.example:443"]
)
async def test_known_hosts_are_answered_with_or_without_port(host: str) -> None:
    answer = await call(KnownHosts(echo_app(), HOSTS), request("/", headers={"host": host}))
    assert answer.status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "", "127.0.0.1.evil.example", "127.0.0.1:80:evil", "[::2]:8080"],
)
async def test_any_other_host_is_refused_with_the_setting_to_change(host: str) -> None:
    answer = await call(KnownHosts(echo_app(), HOSTS), request("/", headers={"host": host}))
    assert answer.status == 421
    assert "trusted_hosts" in answer.json["detail"]


async def test_every_answer_tells_browsers_to_take_nothing_from_elsewhere() -> None:
    answer = await call(SecurityHeaders(echo_app(status=404)), request("/x"))
    policy = answer.header("content-security-policy") or ""
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "no-referrer"


async def test_only_the_docs_page_may_use_inline_styles_and_no_page_inline_scripts() -> None:
    policy = (await call(SecurityHeaders(echo_app()), request("/docs"))).header("content-security-policy")
    assert policy is not None
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "script-src" not in policy


@pytest.mark.parametrize(
    ("host", "wanted", "required"),
    [
        ("127.0.0.1", "auto", False),
        ("127.8.9.1", "auto", False),
        ("::1", "auto", False),
        ("localhost", "auto", False),
        (EVERYWHERE, "auto", True),
        ("::", "auto", True),
        ("192.0.2.1", "auto", True),
        ("chart.example", "auto", True),
        ("127.0.0.1", "always", True),
        (EVERYWHERE, "never", False),
    ],
)
def test_a_key_is_required_on_any_address_but_loopback(host: str, wanted: str, required: bool) -> None:
    settings = Settings.model_validate({"host": host, "require_api_key": wanted})
    assert requires_key(settings) is required
