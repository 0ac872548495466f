"""The way in with TLS, and whose requests are counted together behind a proxy."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cluster.cluster import until
from tests.cluster.release import Release

CERTIFICATE = "own-tls"
LIMIT = 100


@pytest.fixture(scope="module")
def certificate(installed: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signed by itself, in the Secret that cert-manager would fill."""
    folder = tmp_path_factory.mktemp("tls")
    path, key = folder / "tls.crt", folder / "tls.key"
    name = ["-subj", f"/CN={installed.host}", "-addext", f"subjectAltName=DNS:{installed.host}"]
    files = ["-out", f"{path}", "-keyout", f"{key}", "-days", "1", "-nodes"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", *name, *files]
    subprocess.run(command, check=True, capture_output=True)
    installed.k("create", "secret", "tls", CERTIFICATE, f"--cert={path}", f"--key={key}")
    return path


@pytest.fixture(scope="module")
def secured(installed: Release, client: httpx.Client, certificate: Path) -> Iterator[httpx.Client]:
    """A client that checks the certificate, of the release with TLS and a limit; as it was afterwards."""
    cluster = installed.cluster
    values = {
        "ratePerMinute": LIMIT,
        "trustedProxies": [_controller(installed)],
        "gatewayApi": {"httpsPort": cluster.gateway_secure_port},
        "tls": {"enabled": True, "secretName": CERTIFICATE},
    }
    installed.deploy({"route": values})
    base = f"https://{cluster.way_in.split('//')[1].split(':')[0]}:{cluster.way_in_secure_port}"
    trusting = ssl.create_default_context(cafile=str(certificate))

    def by_name(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = installed.host

    try:
        with httpx.Client(base_url=base, verify=trusting, headers=client.headers, timeout=30) as secured:
            secured.event_hooks["request"] = [by_name]
            yield secured
    finally:
        installed.deploy()


def _controller(release: Release) -> str:
    """Address of the pod that is the way in: the only one whose word on others' addresses counts."""
    pods = release.cluster.get("pods", "-A")["items"]
    (address,) = [
        pod["status"]["podIP"]
        for pod in pods
        if pod["metadata"]["name"].startswith(f"{release.cluster.gateway_class}-")
    ]
    return str(address)


def test_the_page_and_the_api_are_there_by_https_and_browsers_are_told_to_stay(secured: httpx.Client) -> None:
    until(lambda: secured.get("/readyz").status_code == 200, seconds=30)
    for path in ("/", "/api/v1/stocks/AAPL/chart?interval=1d", "/api/v1/stocks"):
        answer = secured.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.usefixtures("secured")
def test_who_comes_by_http_is_sent_to_https(client: httpx.Client, installed: Release) -> None:
    answer = client.get("/AAPL?interval=1d")
    assert answer.status_code == 301
    assert answer.headers["location"] == f"https://{installed.host}/AAPL?interval=1d"


def test_another_name_does_not_lead_here(secured: httpx.Client) -> None:
    assert secured.get("/readyz", headers={"Host": "elsewhere.test"}).status_code == 404


def test_clients_behind_the_proxy_are_counted_apart_and_none_by_what_it_says_itself(
    secured: httpx.Client, installed: Release
) -> None:
    """One goes through the node, whose address it gets; the other to the controller's pod itself."""
    elsewhere = str(
        secured.base_url.copy_with(host=_controller(installed), port=installed.cluster.gateway_secure_port)
    )
    path = "/api/v1/stocks"
    anonymous = {"Authorization": ""}
    said = [0]
    while said[-1] != 429 and len(said) <= 2 * LIMIT + 1:  # a minute may end among them
        forged = {"X-Forwarded-For": f"203.0.113.{len(said)}"}
        said.append(secured.get(path, headers=anonymous | forged).status_code)
    assert set(said[1:]) == {401, 429}
    assert secured.get(f"{elsewhere}{path}", headers=anonymous).status_code == 401
    assert secured.get(path).status_code == 200
