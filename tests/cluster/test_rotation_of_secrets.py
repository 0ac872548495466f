"""Secrets changed in the cluster while clients ask: no request fails, no pod starts anew."""

from collections.abc import Callable

import httpx

from tests.cluster.load import load
from tests.cluster.release import Release

Report = Callable[[str, str], None]


def test_secrets_are_changed_under_load_without_a_failed_request(
    installed: Release, client: httpx.Client, report: Report
) -> None:
    names = ("stock_reader", "stock_gateway", "valkey")
    before = installed.secret_values()
    pods = {pod["metadata"]["uid"] for part in ("stock", "gateway") for pod in installed.pods(part)}
    where = ("--folder", installed.secrets, "--environment", installed.environment())
    with load(client, least=200) as answers:
        said = installed.stockops("secrets", "rotate", *names, *where)
    assert said["rotated"] == list(names)
    assert set(answers) == {"200"}
    report("secrets changed under load", f"{', '.join(names)}: {answers.total()} requests, {dict(answers)}")
    after = installed.secret_values()
    assert {name for name in after if after[name] != before[name]} == set(names)
    assert pods & {pod["metadata"]["uid"] for part in ("stock", "gateway") for pod in installed.pods(part)}
    installed.stockops("smoke", installed.environment())
