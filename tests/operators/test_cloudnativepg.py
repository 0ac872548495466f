"""The chart's database of CloudNativePG: made, used, lost, changed under a running platform."""

import secrets
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import httpx

from tests.cluster.cluster import until
from tests.cluster.release import NAME, Release
from tests.cluster.test_cluster_backups import content
from tests.cluster.test_install import RANGE
from tests.containers.test_stack import closes_until

Report = Callable[[str, str], None]
DATABASE = f"{NAME}-postgresql"


def status(release: Release) -> dict[str, Any]:
    """What the operator says of the database."""
    found: dict[str, Any] = release.cluster.get(
        "-n", release.namespace, f"clusters.postgresql.cnpg.io/{DATABASE}"
    )
    return dict(found["status"])


def is_whole(release: Release) -> bool:
    """Both instances ready, and one of them the primary that was meant."""
    now = status(release)
    return (
        now.get("readyInstances") == 2
        and now["phase"] == "Cluster in healthy state"
        and now["currentPrimary"] == now["targetPrimary"]
    )


def sql(release: Release, statement: str) -> list[str]:
    """As the superuser, on the primary."""
    words = ("psql", "-U", "postgres", "-d", "stock_analysis", "-AtF,", "-c", statement)
    return release.k("exec", status(release)["currentPrimary"], "-c", "postgres", "--", *words).splitlines()


def instances(release: Release) -> dict[str, str]:
    """Identities of the pods, by name."""
    found = release.cluster.get(
        "-n", release.namespace, "pods", "-l", f"cnpg.io/cluster={DATABASE},cnpg.io/podRole=instance"
    )
    return {one["metadata"]["name"]: one["metadata"]["uid"] for one in found["items"]}


def told(release: Release) -> str:
    return f"{status(release)}\n{release.told()}"


def answers(client: httpx.Client) -> bool:
    """The known closes, through gateway and stock-service."""
    answer = client.get("/api/v1/stocks/AAPL/chart", params=RANGE)
    return answer.status_code == 200 and answer.json()["c"] == closes_until(date(2000, 3, 10))


def test_the_platform_runs_on_two_instances(installed: Release, client: httpx.Client, report: Report) -> None:
    report("stockops deploy on CloudNativePG", f"{installed.took_s:.0f} s to a green smoke test")
    until(partial(is_whole, installed), telling=partial(told, installed))
    assert len(instances(installed)) == 2
    assert answers(client)


def test_database_and_roles_are_as_the_managed_ones(installed: Release) -> None:
    assert sql(
        installed,
        "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale, datcollate, datdba::regrole "
        "FROM pg_database WHERE datname = current_database()",
    ) == ["UTF8,b,C.UTF-8,C,stock_analysis"]
    assert sql(installed, "SELECT lower('ÉÖ가')") == ["éö가"]
    assert sql(
        installed,
        "SELECT rolname, rolsuper, rolcreaterole, rolreplication FROM pg_roles "
        "WHERE rolname ~ '^stock_' ORDER BY rolname",
    ) == [
        f"stock_{role},f,f,{'t' if role == 'backup' else 'f'}"
        for role in ("analysis", "backup", "gateway", "reader", "relay", "sentiment", "writer")
    ]
    assert sql(installed, "SHOW data_checksums") == ["on"]


def test_a_changed_password_of_a_role_reaches_the_server(installed: Release, client: httpx.Client) -> None:
    kept = "SELECT rolpassword FROM pg_authid WHERE rolname = 'stock_reader'"
    before = sql(installed, kept)
    path = installed.secrets / "stock_reader"
    path.write_text(f"{secrets.token_hex(32)}\n")
    installed.stockops("secrets", "push", installed.environment(), "--folder", installed.secrets)
    until(lambda: sql(installed, kept) != before, telling=partial(told, installed))
    until(lambda: answers(client), telling=partial(told, installed))


def test_a_killed_primary_is_replaced_by_the_other_and_comes_back_behind_it(
    installed: Release, client: httpx.Client, report: Report
) -> None:
    until(partial(is_whole, installed), telling=partial(told, installed))
    old = status(installed)["currentPrimary"]
    uid = instances(installed)[old]
    before = content(installed, old)
    assert int(before["bar_1d"][0]) > 28_000
    began = time.monotonic()
    installed.k("delete", "pod", old, "--grace-period=0", "--force")
    until(lambda: status(installed)["currentPrimary"] != old, telling=partial(told, installed))
    until(lambda: answers(client), telling=partial(told, installed))
    took_s = time.monotonic() - began
    new = status(installed)["currentPrimary"]
    assert content(installed, new) == before
    until(lambda: instances(installed).get(old, uid) != uid, telling=partial(told, installed))
    until(partial(is_whole, installed), seconds=300, telling=partial(told, installed))
    assert status(installed)["currentPrimary"] == new
    assert sql(installed, "SELECT application_name, state FROM pg_stat_replication") == [f"{old},streaming"]
    report("primary killed", f"{took_s:.0f} s until the other one was primary and a chart was answered")


def test_both_instances_lost_at_once_come_back_with_the_same_data(
    installed: Release, client: httpx.Client, report: Report
) -> None:
    until(partial(is_whole, installed), seconds=300, telling=partial(told, installed))
    uids = instances(installed)
    before = content(installed, status(installed)["currentPrimary"])
    began = time.monotonic()
    installed.k("delete", "pod", *uids, "--grace-period=0", "--force")
    until(
        lambda: (
            len(instances(installed)) == 2 and not set(instances(installed).values()) & set(uids.values())
        ),
        telling=partial(told, installed),
    )
    until(partial(is_whole, installed), seconds=300, telling=partial(told, installed))
    until(lambda: answers(client), telling=partial(told, installed))
    took_s = time.monotonic() - began
    assert content(installed, status(installed)["currentPrimary"]) == before
    report("both instances killed", f"{took_s:.0f} s until both were back and a chart was answered")
