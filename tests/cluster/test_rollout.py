"""What is broken never serves: it is undone with its reason while the old version goes on."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.cluster.cluster import until
from tests.cluster.load import load
from tests.cluster.release import NAME, Release
from tests.containers.images import Image

Report = Callable[[str, str], None]


def of_image(image: Image) -> dict[str, Any]:
    repository, _, tag = image.name.rpartition(":")
    return {"image": {"repository": repository, "tag": tag}}


def versions(release: Release) -> set[str]:
    """Images of the gateway's pods that take requests."""
    ready = release.ready("gateway")
    return {
        pod["spec"]["containers"][0]["image"]
        for pod in release.pods("gateway")
        if pod["metadata"]["name"] in ready
    }


def steady(release: Release) -> None:
    """Two pods of each part that serves, ready."""
    for part in ("gateway", "stock"):
        until(lambda part=part: len(release.ready(part)) >= 2, telling=release.told)  # type: ignore[misc]  # a default binds the name


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "image": ({"image": {"tag": "no-such"}}, "ErrImagePull|ImagePullBackOff"),
    "probe": (
        {
            "parts": {"gateway": {"env": {"STOCK_STOCK_URL": "http://nowhere:1"}}},
            "deploy": {"timeoutSeconds": 40},
        },
        "probe answers 503",
    ),
    "migration": ({}, "division by zero"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_version_is_undone_with_its_reason_and_the_old_one_goes_on(
    what: str, installed: Release, client: httpx.Client, broken_schema: Image, report: Report
) -> None:
    broken, reason = BROKEN[what]
    steady(installed)
    before = versions(installed)
    started = time.monotonic()
    with load(client, least=50) as answers:
        said = installed.deploy(broken, of_image(broken_schema) if what == "migration" else {}, code=7)
        report(f"broken {what}, undone", f"{time.monotonic() - started:.0f} s, {dict(answers)}")
    why = said["error"]["details"]
    assert len(why) <= 10
    assert any(one in " ".join(why) for one in reason.split("|")), why
    assert set(answers) == {"200"}
    assert versions(installed) == before
    assert installed.stockops("status", installed.environment(), "--target", "kubernetes")["state"] == "well"


def test_a_drain_keeps_to_the_budget_and_loses_nothing(installed: Release, client: httpx.Client) -> None:
    steady(installed)
    free = other_node(installed)
    try:
        with load(client, least=200) as answers:
            drained = ("drain", free, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=150s")
            installed.cluster.k(*drained, f"--pod-selector=app.kubernetes.io/instance={NAME}")
            steady(installed)
    finally:
        installed.cluster.k("uncordon", free)
    assert set(answers) == {"200"}


def other_node(release: Release) -> str:
    """The node that the database is not on, after some pods were moved there."""
    nodes = [one["metadata"]["name"] for one in release.cluster.get("nodes")["items"]]
    taken = str(release.pods("postgresql")[0]["spec"]["nodeName"])
    return str(next(node for node in nodes if node != taken))
