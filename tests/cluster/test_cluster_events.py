"""Live prices and events in the cluster: by one broker of the chart, and by three of another release."""

import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from websockets.sync.client import connect

from stock_ops.kubernetes.plans.restore import job_of
from tests.cluster.bucket import KEYS, PORT, Bucket, start
from tests.cluster.cluster import Cluster, until
from tests.cluster.conftest import client_of
from tests.cluster.images import image_of
from tests.cluster.release import LITTLE, NAME, PLAIN, SECRET, SMALL, Release, Values, gateway_of, render
from tests.cluster.test_cluster_backups import account, content, is_archived, lose_the_database, told
from tests.containers.images import Image
from tests.containers.test_live_path import until as received
from tools.container_parts import ROOT

Report = Callable[[str, str], None]
WHEN = ("--from", "2013-09-03T12:31", "--until", "2013-09-03T12:51", "--speed", "60")
BROKERS = 3
LEFT = f"{NAME}-restore-left"
FILES = ("instruments", "actions", "bars_1d_samsung")
ONE: Values = {"autoscaling": {"enabled": False}, "replicas": 1, **LITTLE}


def has_arrived(release: Release, server: Release) -> bool:
    """Whether every event that the database tells of was read from Kafka, once, and none was set aside."""
    ask = "SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) = 0"
    ask += " AND (SELECT sum(events) FROM event_delivery) = (SELECT count(*) FROM outbox)"
    ask += " AND (SELECT count(*) FROM dead_letter) = 0"
    found = sql(server, ask) == "t"
    return found and events(release)["waiting"] == 0


def sql(release: Release, ask: str) -> str:
    pod = f"{NAME}-postgresql-0"
    command = ("psql", "-U", "postgres", "-d", "stock_analysis", "-Atc", ask)
    return release.k("exec", pod, "--", *command).strip()


def events(release: Release) -> dict[str, Any]:
    """How they stand, as the relay's own command tells."""
    (pod, *_) = release.ready("relay")
    found: dict[str, Any] = json.loads(
        release.k("exec", pod, "--", "stock-analysis", "events", "status", "--json")
    )
    return found


def test_what_an_import_told_arrives_through_the_one_broker(installed: Release) -> None:
    until(lambda: has_arrived(installed, installed), telling=lambda: str(events(installed)))
    config = installed.k(
        "exec", f"deploy/{NAME}-relay", "--", "printenv", "STOCK_EVENTS_LOG", "STOCK_KAFKA_SERVERS"
    )
    assert config.split() == ["kafka", f"{NAME}-kafka-0.{NAME}-kafka:9092"]
    assert sum(one["events"] for one in events(installed)["delivered"].values()) > 1000


def test_a_replay_reaches_a_client_of_the_websocket_through_the_way_in(
    installed: Release, client: httpx.Client
) -> None:
    way_in = urlsplit(installed.cluster.way_in)
    headers = {"Authorization": client.headers["Authorization"]}
    url, address = f"ws://{installed.host}:{way_in.port}/ws", (way_in.hostname, way_in.port)
    (live, *_) = until(lambda: installed.ready("live"), telling=installed.told)
    with connect(url, address=address, additional_headers=headers) as socket, ThreadPoolExecutor(1) as beside:
        socket.send(json.dumps({"op": "subscribe", "id": 1, "symbol": "ES", "interval": "1m"}))
        stored = received(socket, type="snapshot")
        assert (stored["feed"], stored["state"]) == (None, "none")
        words = ("exec", live, "--", "stock-analysis", "replay", "ES", *WHEN)
        replay = beside.submit(installed.k, *words)
        began = received(socket, type="snapshot", feed="replay")
        delta = received(socket, type="delta")
        assert delta["channel"] == began["channel"]
        received(socket, state="ended")
        replay.result()
    closes = dict(zip(stored["bars"]["t"], stored["bars"]["c"], strict=True))
    closed = [(bar[0], bar[4]) for bar in delta["bars"] if bar[6] == "closed"]
    assert [close for _, close in closed] == [closes[t] for t, _ in closed]


@pytest.fixture(scope="module")
def a_bucket(
    cluster: Cluster, servers: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bucket]:
    """An S3 service in the cluster, but outside of every release."""
    namespace = f"stock-{secrets.token_hex(3)}-bucket"
    bucket = start(cluster, namespace, servers["s3"], tmp_path_factory.mktemp("bucket"))
    try:
        yield bucket
    finally:
        bucket.remove()


@pytest.fixture(scope="module")
def servers_apart(
    cluster: Cluster,
    image: Image,
    operations: Image,
    servers: dict[str, str],
    a_bucket: Bucket,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Release]:
    """A release of servers alone: a database with backups in a bucket, Valkey, and three brokers."""
    namespace = f"stock-{secrets.token_hex(3)}-servers"
    off = {"enabled": False}
    values: Values = {
        "image": {**image_of(image), "allowTag": True},
        "secrets": {"existing": SECRET},
        "database": {"managed": {"image": servers["postgresql"], **SMALL, **PLAIN}},
        "valkey": {"managed": {"image": servers["valkey"], **SMALL}},
        "events": {
            "mode": "managed",
            "brokers": BROKERS,
            "managed": {"image": servers["kafka"], **SMALL},
        },
        "backup": {
            "enabled": True,
            "image": image_of(operations),
            "storage": {
                "mode": "s3",
                "s3": {
                    "url": "s3://backups/cluster",
                    "endpoint": a_bucket.endpoint,
                    "authority": "authority",
                    "port": PORT,
                    "egressTo": [f"{a_bucket.address}/32"],
                },
            },
            "work": {"size": "1Gi"},
            "recovery": LITTLE,
            **LITTLE,
        },
        "parts": dict.fromkeys(("stock", "gateway", "relay", "sentiment"), off),
        "networkPolicies": {"serversFrom": {"kubernetes.io/metadata.name": f"{namespace}-users"}},
    }
    release = Release(cluster, tmp_path_factory.mktemp("servers"), namespace, values)
    try:
        release.folder.joinpath("secrets").mkdir()
        (release.secrets / "backup-credentials.toml").write_text(KEYS)
        release.prepare()
        release.k("create", "configmap", "authority", f"--from-file={a_bucket.authority}")
        release.bring_up()
        yield release
    finally:
        release.remove()


def networks_of(release: Release) -> list[str]:
    """Where its pods have their addresses, now and when they are made anew."""
    pods = [pod for part in ("postgresql", "valkey", "kafka") for pod in release.pods(part)]
    return sorted({str(ip_network(f"{pod['status']['podIP']}/16", strict=False)) for pod in pods})


@pytest.fixture(scope="module")
def apart(
    servers_apart: Release, image: Image, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Release]:
    """The platform without a server of its own."""
    cluster, there = servers_apart.cluster, f"{servers_apart.namespace}.svc"
    namespace = f"{servers_apart.namespace}-users"
    brokers = [f"{NAME}-kafka-{at}.{NAME}-kafka.{there}:9092" for at in range(BROKERS)]
    values: Values = {
        "image": {**image_of(image), "allowTag": True},
        "secrets": {"existing": SECRET},
        "database": {"mode": "external", "host": f"{NAME}-postgresql.{there}"},
        "valkey": {"mode": "external", "host": f"{NAME}-valkey.{there}"},
        "events": {"mode": "external", "servers": ",".join(brokers), "brokers": BROKERS},
        "networkPolicies": {"egressTo": networks_of(servers_apart)},
        "route": {
            "host": f"{namespace}.test",
            "gatewayApi": gateway_of(cluster),
        },
        "parts": dict.fromkeys(("stock", "gateway", "sentiment"), ONE) | {"relay": {"replicas": 1, **LITTLE}},
    }
    folder = tmp_path_factory.mktemp("apart")
    release = Release(cluster, folder, namespace, values)
    shutil.copytree(servers_apart.secrets, release.secrets)
    try:
        release.prepare()
        release.install()
        files = [f"--from-file={ROOT / 'sample_data' / name}.parquet" for name in FILES]
        release.k("create", "configmap", "prices", *files)
        import_prices(release, *FILES)
        yield release
    finally:
        release.remove()


def import_prices(release: Release, *names: str) -> None:
    """Files of the sample by the command that everyone uses, in a pod like that of the sample's import.

    names: none for the whole sample.
    """
    job = next(
        one
        for one in render(release.values, {"image": {"digest": ""}, "sampleData": True})
        if one["metadata"]["name"] == f"{NAME}-import-sample"
    )
    pod: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "spec": job["spec"]["template"]["spec"]}
    pod["metadata"] = {"name": "import", "labels": job["spec"]["template"]["metadata"]["labels"]}
    (container,) = pod["spec"]["containers"]
    container["args"] = ["import", "/prices"] if names else ["import-sample"]
    container["volumeMounts"] += [
        {"name": "prices", "mountPath": f"/prices/{name}.parquet", "subPath": f"{name}.parquet"}
        for name in names
    ]
    pod["spec"]["volumes"].append({"name": "prices", "configMap": {"name": "prices"}})
    release.run_pod(yaml.safe_load(yaml.safe_dump(pod)))


def kill_hard(release: Release, pod: str) -> str:
    """SIGKILL to the broker where its process can be seen from here, else the pod at once; which of them."""
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes() if folder.name.isdecimal() else b""
            known = (folder / "environ").read_bytes().split(b"\0") if b"kafka.Kafka" in words else []
        except OSError:
            continue
        if (
            f"POD={pod}".encode() in known
            and f"SERVICE={NAME}-kafka.{release.namespace}.svc".encode() in known
        ):
            os.kill(int(folder.name), signal.SIGKILL)
            return "kill -9"
    release.k("delete", "pod", pod, "--grace-period=0", "--force")
    return "delete --force"


def restarts(release: Release) -> int:
    """Of all brokers."""
    states = [one for pod in release.pods("kafka") for one in pod["status"]["containerStatuses"]]
    return sum(int(one["restartCount"]) for one in states)


def test_a_release_works_on_a_database_a_cache_and_brokers_of_another(
    apart: Release, servers_apart: Release
) -> None:
    until(lambda: has_arrived(apart, servers_apart), telling=lambda: str(events(apart)))
    with client_of(apart) as client:
        assert client.get("/api/v1/stocks/005930/chart").status_code == 200
    kinds = {one["kind"] for one in apart.cluster.get("-n", apart.namespace, "all")["items"]}
    assert "StatefulSet" not in kinds


def test_backups_go_to_a_bucket_over_tls_and_a_drill_restores_one(
    servers_apart: Release, a_bucket: Bucket
) -> None:
    made = told(servers_apart, "backup", "create", "--full")
    listed = told(servers_apart, "backup", "list")
    assert listed["storage"] == "s3://backups/cluster"
    assert made["backup"] in {one["id"] for one in listed["backups"]}
    drilled = told(servers_apart, "drill")
    assert (drilled["outcome"], drilled["backup"]) == ("passed", made["backup"])
    there = a_bucket.cluster.k(
        "-n", a_bucket.namespace, "exec", "s3", "-c", "s3", "--", "ls", "/data/backups"
    )
    assert there.split()


def test_a_killed_broker_of_three_loses_no_event(
    apart: Release, servers_apart: Release, report: Report
) -> None:
    before = int(sql(servers_apart, "SELECT count(*) FROM outbox"))
    (first, *_) = servers_apart.ready("kafka")
    known = restarts(servers_apart)
    with ThreadPoolExecutor(1) as beside:
        importing = beside.submit(import_prices, apart)
        until(lambda: int(sql(servers_apart, "SELECT count(*) FROM outbox")) > before)
        how = kill_hard(servers_apart, first)
        started = time.monotonic()
        importing.result()
    until(lambda: has_arrived(apart, servers_apart), telling=lambda: str(events(apart)))
    took_s = time.monotonic() - started
    told = int(sql(servers_apart, "SELECT count(*) FROM outbox")) - before
    assert told > 1000
    until(lambda: len(servers_apart.ready("kafka")) == BROKERS, seconds=180, telling=servers_apart.told)
    assert how != "kill -9" or restarts(servers_apart) == known + 1
    report(f"one of three brokers killed ({how})", f"{told} events, all arrived {took_s:.0f} s after it")


def leave_a_job(release: Release) -> None:
    """Of a restore whose pod fits on no node."""
    form = release.cluster.get("-n", release.namespace, "cronjob", f"{NAME}-restore")
    job = job_of(form, LEFT, (), "UNUSED=")
    job["spec"]["template"]["spec"]["nodeSelector"] = {"nowhere": "yes"}
    release.cluster.apply(yaml.safe_dump(job), release.namespace)


def test_a_lost_database_comes_back_from_the_bucket(
    apart: Release, servers_apart: Release, report: Report
) -> None:
    until(lambda: has_arrived(apart, servers_apart), telling=lambda: str(events(apart)))
    until(partial(is_archived, servers_apart), telling=lambda: str(account(servers_apart)))
    before = content(servers_apart)
    assert int(before["bar_1d"][0]) > 1000
    lose_the_database(servers_apart)
    leave_a_job(servers_apart)
    started = time.monotonic()
    found = told(servers_apart, "restore", "--new-volume", "--yes")
    report("restore from a bucket", f"{time.monotonic() - started:.0f} s, {len(before)} tables compared")
    assert found["target"] == "latest point"
    assert content(servers_apart) == before
    assert LEFT not in servers_apart.k("get", "jobs", "-o", "name")
