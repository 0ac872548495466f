"""New versions under load: no request fails, and what is broken never serves while the old one goes on."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cluster.images import image_of, next_migration
from tests.cluster.load import CHART, load
from tests.cluster.release import NAME, Release
from tests.containers.images import Image
from tools.container_parts import ROOT

Report = Callable[[str, str], None]

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
    installed.steady()
    before = installed.versions()
    started = time.monotonic()
    with load(client, least=50) as answers:
        said = installed.deploy(
            broken, {"image": image_of(broken_schema)} if what == "migration" else {}, code=7
        )
        report(f"broken {what}, undone", f"{time.monotonic() - started:.0f} s, {dict(answers)}")
    why = said["error"]["details"]
    assert len(why) <= 10
    assert any(one in " ".join(why) for one in reason.split("|")), why
    assert set(answers) == {"200"}
    assert installed.versions() == before
    installed.well()


def test_a_rolling_upgrade_under_load_fails_no_request_and_both_versions_are_seen(
    installed: Release, client: httpx.Client, image: Image, newer: Image, report: Report
) -> None:
    installed.steady()
    with load(client, least=1000) as answers, watched(installed) as seen:
        installed.deploy({"image": image_of(newer)})
    report("rolling upgrade under load", f"{answers.total()} requests, {dict(answers)}")
    assert set(answers) == {"200"}
    assert seen == {image.name, newer.name}
    assert installed.versions() == {newer.name}


def test_no_older_version_is_deployed_or_gone_back_to_while_the_schema_is_ahead_of_it(
    installed: Release, newer: Image
) -> None:
    """After the upgrade of the test before this one."""
    number = f"{next_migration():04d}"
    refused = installed.deploy(code=7)
    assert f"the database has migration {number}, which this program has not" in str(refused["error"])
    before = installed.revision() - 3  # the older version; then came the newer, what was refused, its undo
    refused = installed.stockops("rollback", installed.environment(), "--yes", "--to", f"{before}", code=5)
    assert f"the database has post migration {number}, which this program has not" in refused["error"]["why"]
    assert installed.versions() == {newer.name}
    forget_newer_schema(installed)
    # What runs knows the schema again: pods of the newer version are not ready without its migration.
    assert installed.deploy()["outcome"] == "deployed"


def test_back_to_the_chart_of_the_commit_before_and_forth_again(
    installed: Release, client: httpx.Client, image: Image, tmp_path: Path, report: Report
) -> None:
    servers = pods_of_servers(installed)
    with load(client, least=1000) as answers:
        with before_the_newest_change(installed, tmp_path) as chart:
            installed.upgrade(chart=chart)
        installed.deploy()
    restarted = pods_of_servers(installed) != servers
    told = ", the database's own pod restarted" if restarted else ""
    report("the chart of the commit before, and back", f"{dict(answers)}{told}")
    assert answers["200"] >= 500
    assert restarted or set(answers) == {"200"}
    assert installed.versions() == {image.name}
    assert client.get(CHART).status_code == 200


def pods_of_servers(release: Release) -> set[str]:
    return {pod["metadata"]["uid"] for part in ("postgresql", "valkey") for pod in release.pods(part)}


@contextmanager
def watched(release: Release) -> Iterator[set[str]]:
    """Versions of the gateway that took requests meanwhile."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            seen.update(release.versions())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@contextmanager
def before_the_newest_change(release: Release, folder: Path) -> Iterator[Path]:
    """The chart as it was before the newest commit that changed it; the release has the values it knows."""
    path = "deploy/chart/stock-analysis"
    newest = git("log", "-1", "--format=%H", "--", path)
    archive = subprocess.run(
        ["git", "archive", f"{newest}~1", path], cwd=ROOT, capture_output=True, check=True
    ).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    known = set(yaml.safe_load((folder / path / "values.yaml").read_text()))
    values = release.values
    release.values = {key: value for key, value in values.items() if key in known}
    try:
        yield folder / path
    finally:
        release.values = values


def git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def forget_newer_schema(release: Release) -> None:
    """As a restore of the database from before would."""
    statement = "DELETE FROM schema_migration WHERE name = 'newer'"
    words = ("psql", "-U", "postgres", "-d", "stock_analysis", "-v", "ON_ERROR_STOP=1", "-c", statement)
    assert "DELETE 2" in release.k("exec", f"{NAME}-postgresql-0", "--", *words)
