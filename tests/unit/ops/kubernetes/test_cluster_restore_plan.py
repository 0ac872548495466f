"""A restore in a cluster: what stops in which order, and what becomes of the chart's form of it."""

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stock_ops.kit.container import as_typed_outside
from stock_ops.kit.errors import ConflictingSettingsError, FolderError
from stock_ops.kubernetes.cli.inside import without_ours
from stock_ops.kubernetes.connection import Answer, Connection
from stock_ops.kubernetes.facts.backups import newest_backup
from stock_ops.kubernetes.plans.checks import check_backup_key
from stock_ops.kubernetes.plans.restore import (
    BEFORE,
    claim_of,
    in_order,
    is_stopped,
    job_of,
    to_stop,
    turns,
)
from stock_ops.kubernetes.plans.restore import (
    without_ours as without_our_fields,
)
from stock_ops.kubernetes.runners import restore
from stock_ops.kubernetes.runners.backup_key import KEY, push_backup_key
from stock_ops.storage.keys import draw_identity


def workload(
    part: str, replicas: int = 1, *, server: bool = False, before: str | None = None
) -> dict[str, Any]:
    metadata = {"name": f"s-{part}", "labels": {"app.kubernetes.io/component": part}}
    metadata |= {"annotations": {BEFORE: before}} if before else {}
    return {"metadata": metadata, "spec": {"replicas": replicas, **({"serviceName": part} if server else {})}}


RELEASE = [
    workload("postgresql", server=True),
    workload("valkey", server=True),
    workload("kafka", 3, server=True),
    workload("gateway", 3),
    workload("backup", server=True),
    workload("stock", 0, before="2"),
]


def test_the_writer_of_the_backups_outlives_the_parts_and_the_database_outlives_it() -> None:
    stopped = to_stop(RELEASE, "n")
    assert [[one.part for one in turn] for turn in turns(stopped)] == [
        ["gateway", "stock"],
        ["backup"],
        ["postgresql"],
    ]
    first, then = in_order(stopped)
    assert [one.part for one in first] == ["postgresql"]
    assert {one.part for one in then} == {"gateway", "stock", "backup"}
    assert stopped[0].path == "/apis/apps/v1/namespaces/n/deployments/s-gateway"
    assert first[0].path == "/apis/apps/v1/namespaces/n/statefulsets/s-postgresql"


def test_a_restore_that_was_cut_off_does_not_take_zero_pods_for_what_there_were() -> None:
    (stock,) = (one for one in to_stop(RELEASE, "n") if one.part == "stock")
    assert stock.replicas == 2
    assert [is_stopped(one) for one in RELEASE] == [False] * 5 + [True]


def test_the_job_is_the_charts_form_with_the_operators_words() -> None:
    container: dict[str, Any] = {"args": ["restore", "--yes"], "env": [{"name": "A", "value": "b"}]}
    spec = {"backoffLimit": 0, "template": {"spec": {"containers": [container]}}}
    form = {"spec": {"jobTemplate": {"metadata": {"labels": {"x": "y"}}, "spec": spec}}}
    job = job_of(form, "s-restore-1", ["--time", "2026-01-01", "--yes"], "OUT=/in=--target kubernetes")
    made = job["spec"]["template"]["spec"]["containers"][0]
    assert made["args"] == ["restore", "--yes", "--time", "2026-01-01"]
    assert made["env"][-1] == {"name": "OUT", "value": "/in=--target kubernetes"}
    assert job["metadata"] == {"name": "s-restore-1", "labels": {"x": "y"}}
    assert container["args"] == ["restore", "--yes"]
    assert len(container["env"]) == 1


def test_the_volume_has_the_name_that_the_stateful_set_looks_for() -> None:
    template = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}, "status": {}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "volumeClaimTemplates": [template]}
    claim = claim_of({"metadata": {"name": "s-postgresql"}, "spec": spec})
    assert claim["metadata"] == {"name": "data-s-postgresql-0", "labels": {"a": "b"}}
    assert "status" not in claim


def test_helm_alone_owns_the_number_of_pods_afterwards() -> None:
    fields = [{"manager": "helm"}, {"manager": "stockops"}]
    assert without_our_fields(fields, "stockops") == [{"manager": "helm"}]


def test_words_that_say_where_stay_outside_of_the_pod() -> None:
    words = ["verify", "X", "--environment", "small", "--json", "--target=kubernetes"]
    assert without_ours(words) == ["verify", "X", "--json"]


def test_a_command_that_is_told_in_a_pod_says_how_it_is_typed_outside() -> None:
    environ = {"STOCKOPS_OUTSIDE": "/var/lib/x=--target kubernetes --environment small"}
    told = as_typed_outside("stockops backup list --data /var/lib/x", environ)
    assert told == "stockops backup list --target kubernetes --environment small"
    environ = {"STOCKOPS_OUTSIDE": "/var/lib/x=/srv/data"}
    assert as_typed_outside("--data /var/lib/x", environ) == "--data /srv/data"


def test_the_newest_backup_is_the_one_that_ended_last() -> None:
    ended = ["2026-01-01T00:00:00+00:00", "2026-01-03T00:00:00+00:00", "2026-01-02T00:00:00+00:00"]
    assert newest_backup({"backups": [{"finished_at": one} for one in ended]}) == ended[1]
    assert newest_backup({"backups": []}) is None


@pytest.mark.parametrize(
    ("keys", "bucket", "state"),
    [
        ({"key": True, "recipient": True, "authentication": True}, False, "ok"),
        ({"key": True, "recipient": True, "authentication": True}, True, "failed"),
        ({"key": True, "recipient": True, "authentication": False}, False, "failed"),
        (None, False, "failed"),
    ],
)
def test_a_deploy_needs_the_whole_key_of_the_backups(
    keys: dict[str, bool] | None, bucket: bool, state: str
) -> None:
    assert check_backup_key(keys, "k", bucket=bucket).state == state


class Cluster(Connection):
    """Holds what is applied; nothing else is asked of it."""

    def __init__(self) -> None:
        super().__init__(None)
        self.objects: dict[str, Any] = {}

    def get(self, path: str, **_: str) -> dict[str, Any] | None:
        return self.objects.get(path)

    def apply(self, path: str, document: dict[str, Any], *, dry_run: bool = False) -> Answer:
        assert not dry_run
        self.objects.setdefault(path, {"data": {}})["data"].update(document["data"])
        return Answer(200, document)


def environment(mode: str = "volume") -> Any:
    values = {"backup": {"enabled": True, "secret": "k", "storage": {"mode": mode}}}
    return SimpleNamespace(namespace="n", values=values)


def test_a_key_is_drawn_once_and_never_put_over_another(tmp_path: Path) -> None:
    cluster = Cluster()
    assert set(push_backup_key(cluster, environment(), tmp_path)) == {"key", "recipient", "authentication"}
    assert push_backup_key(cluster, environment(), tmp_path) == []
    (there,) = cluster.objects.values()
    known = base64.b64decode(there["data"]["key"]).decode()
    assert known == (tmp_path / KEY).read_text()
    (tmp_path / KEY).unlink()
    assert push_backup_key(cluster, environment(), tmp_path) == []
    assert not (tmp_path / KEY).exists()
    draw_identity(tmp_path / KEY)
    with pytest.raises(ConflictingSettingsError, match="another key"):
        push_backup_key(cluster, environment(), tmp_path)
    assert base64.b64decode(there["data"]["key"]).decode() == known


def test_a_bucket_needs_its_credentials_beside_the_key(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="backup-credentials"):
        push_backup_key(Cluster(), environment("s3"), tmp_path)
    (tmp_path / "backup-credentials.toml").write_text('access_key_id = "a"\n')
    assert "credentials" in push_backup_key(Cluster(), environment("s3"), tmp_path)


def test_a_release_of_servers_alone_is_migrated_by_the_image_of_its_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is known before anything stops; a release with a gateway keeps to the version that runs."""

    def nothing_named(_environment: Any) -> str:
        raise ConflictingSettingsError("image.digest is missing", "Name it.")

    environment = SimpleNamespace(namespace="n", release="s")
    work: Any = SimpleNamespace(environment=environment, connection=SimpleNamespace(get=lambda _path: {}))
    servers = [one for one in RELEASE if one["spec"].get("serviceName")]
    gateway = workload("gateway")
    gateway["spec"]["template"] = {"spec": {"containers": [{"image": "runs@sha256:1"}]}}
    workloads = servers
    monkeypatch.setattr(restore, "deployments_of", lambda *_: workloads)
    monkeypatch.setattr(restore, "image_of_file", lambda _environment: "file@sha256:2")
    assert restore.look(work).image == "file@sha256:2"
    monkeypatch.setattr(restore, "image_of_file", nothing_named)
    with pytest.raises(ConflictingSettingsError, match="digest is missing"):
        restore.look(work)
    workloads = [*servers, gateway]
    assert restore.look(work).image == "runs@sha256:1"
