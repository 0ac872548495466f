"""Secrets changed in the cluster while clients ask: no request fails, no pod starts anew."""

from collections.abc import Callable

import httpx

from tests.cluster.load import CHART, load
from tests.cluster.release import Release

Report = Callable[[str, str], None]


def test_secrets_are_changed_under_load_without_a_failed_request(
    installed: Release, client: httpx.Client, report: Report
) -> None:
    names = ("stock_reader", "stock_gateway", "valkey", "session_key", "api_key_pepper")
    before = installed.secret_values()
    assert "api_key_pepper" not in before
    pods = {pod["metadata"]["uid"] for part in ("stock", "gateway") for pod in installed.pods(part)}
    where = ("--folder", installed.secrets, "--environment", installed.environment())
    host = {"Host": installed.host}
    with httpx.Client(base_url=client.base_url, headers=host, timeout=30) as page:
        assert page.post("/api/v1/session", headers=client.headers).status_code == 204
        with load(client, least=200) as answers:
            said = installed.stockops("secrets", "rotate", *names, *where)
            assert said["rotated"] == list(names)
            sealed = installed.secret_values()["api_key_pepper"]
            installed.stockops("secrets", "rotate", "api_key_pepper", *where)
        assert page.get(CHART).status_code == 200
    assert set(answers) == {"200"}
    report("secrets changed under load", f"{', '.join(names)}: {answers.total()} requests, {dict(answers)}")
    after = installed.secret_values()
    assert {name for name in after if after[name] != before.get(name)} == set(names)
    assert after["api_key_pepper"] not in (sealed, "")
    assert len(after["api_key_pepper"].split()) == 1
    assert pods & {pod["metadata"]["uid"] for part in ("stock", "gateway") for pod in installed.pods(part)}
    installed.stockops("smoke", installed.environment())
