"""What the chart makes of its values, without a cluster: rules that hold, broken variants that are caught."""

import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from stock_ops.kubernetes.facts.rendered import NOTES
from stock_ops.kubernetes.plans.checks import check_quota
from tests.cluster.checks import pod_of, problems, rules
from tests.cluster.release import CHART, NAME, PINNED, Document, Values, merged, render, rendered
from tools.chart import files
from tools.container_parts import ROOT

EXTERNAL: Values = {
    "database": {"mode": "external", "host": "db.example.org"},
    "valkey": {"mode": "external", "host": "valkey.example.org"},
    "networkPolicies": {"egressTo": ["192.0.2.0/24"], "monitoringFrom": {"team": "monitoring"}},
}
BACKUP: Values = {"backup": {"enabled": True}}
BUCKET: Values = {
    "backup": {
        "storage": {
            "mode": "s3",
            "s3": {"url": "s3://b/p", "endpoint": "https://s3.example.org", "authority": "ca"},
        },
        "settings": {"keep_days": 3, "daily_at": "04:00", "wal_keep_gib": 0.5},
    }
}
OPERATOR: Values = {"database": {"mode": "operator"}, "events": {"mode": "operator", "brokers": 3}}
KAFKA: Values = {"events": {"mode": "managed", "brokers": 3, "managed": {"image": f"apache/kafka{PINNED}"}}}
OPEN: Values = {
    "route": {
        "host": "stock.example.org",
        "gatewayApi": {"enabled": True, "className": "any"},
        "ingress": {"enabled": True},
        "tls": {"enabled": True, "issuer": {"name": "letsencrypt"}},
    },
    "secrets": {"external": {"enabled": True, "store": {"name": "vault"}}},
    "sampleData": True,
}
ENVIRONMENTS = sorted((ROOT / "deploy" / "environments").glob("*.yaml"))
FORMS = {
    "managed": {},
    "external": EXTERNAL,
    "operator": OPERATOR,
    "open": OPEN,
    "kafka": KAFKA,
    "backup": BACKUP,
    "bucket": merged(BACKUP, BUCKET),
    "operator with backups": merged(OPERATOR, BACKUP, BUCKET),
}


def named(documents: list[Document], kind: str, name: str) -> Document:
    (found,) = (one for one in documents if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


@pytest.mark.parametrize("upgrade", [False, True], ids=["install", "upgrade"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_holds_every_rule(form: str, upgrade: bool) -> None:
    assert problems(render(FORMS[form], upgrade=upgrade)) == []


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_every_environment_holds_every_rule(path: Path) -> None:
    documents = render(yaml.safe_load(path.read_text()))
    assert problems(documents) == []
    assert check_quota(documents, []).state == "ok"
    scalers = [one["spec"] for one in documents if one["kind"] == "HorizontalPodAutoscaler"]
    most = {one["scaleTargetRef"]["name"]: one["maxReplicas"] for one in scalers}
    asked = sum(requested_cpu(one, most.get(one["metadata"]["name"])) for one in documents)
    (quota,) = (one for one in documents if one["kind"] == "ResourceQuota")
    assert asked <= float(quota["spec"]["hard"]["requests.cpu"])


def requested_cpu(document: Document, most: int | None) -> float:
    """Cores that its pods ask for when there are as many as there may be."""
    pod = pod_of(document)
    if pod is None:
        return 0.0
    words = [container["resources"]["requests"]["cpu"] for container in pod["containers"]]
    each = sum(float(word[:-1]) / 1000 if word.endswith("m") else float(word) for word in words)
    return each * (most or document["spec"].get("replicas", 1))


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_the_chart_has_of_other_files_is_what_they_say(path: Path) -> None:
    assert path.read_text() == files()[path], "run `make generate`"


def test_who_installs_is_told_that_the_data_outlive_the_release_and_how_to_remove_them() -> None:
    (notes,) = (text for name, text in rendered().items() if name.endswith(NOTES))
    assert "leaves the volumes with all data" in notes
    assert "kubectl -n n delete pvc -l app.kubernetes.io/instance=s" in notes


def test_a_hpa_alone_decides_how_many_pods_there_are() -> None:
    scaled = named(render(), "Deployment", "s-stock")
    assert "replicas" not in scaled["spec"]
    fixed = named(render({"parts": {"stock": {"autoscaling": {"enabled": False}}}}), "Deployment", "s-stock")
    assert fixed["spec"]["replicas"] == 2


def test_a_hpa_counts_requests_only_where_it_is_asked_to() -> None:
    def metrics(*values: Values) -> list[str]:
        return [
            (one.get("resource") or one["pods"]["metric"])["name"]
            for one in named(render(*values), "HorizontalPodAutoscaler", "s-gateway")["spec"]["metrics"]
        ]

    assert metrics() == ["cpu", "memory"]
    by_requests = {"parts": {"gateway": {"autoscaling": {"requestsPerSecond": 50}}}}
    assert metrics(by_requests) == ["cpu", "memory", "http_requests_per_second"]


def test_a_part_gets_one_password_of_the_database() -> None:
    documents = render({"parts": {"live": {"enabled": True}}})
    keys = {"session_key", "api_key_pepper"}
    for part, expected in (
        ("stock", {"stock_reader", "valkey"}),
        ("gateway", {"stock_gateway", "valkey"} | keys),
        ("relay", {"stock_relay", "valkey"}),
        ("sentiment", {"stock_sentiment"}),
        ("live", {"stock_writer", "valkey"}),
    ):
        volumes = named(documents, "Deployment", f"s-{part}")["spec"]["template"]["spec"]["volumes"]
        (items,) = (one["secret"]["items"] for one in volumes if "secret" in one)
        assert {one["key"] for one in items} == expected


def test_the_schema_is_changed_before_and_after_a_rollout_and_at_the_first_install_beside_it() -> None:
    def jobs(*, upgrade: bool) -> dict[str, tuple[str | None, list[str]]]:
        return {
            one["metadata"]["name"]: (
                one["metadata"].get("annotations", {}).get("helm.sh/hook"),
                one["spec"]["template"]["spec"]["containers"][0]["args"],
            )
            for one in render(upgrade=upgrade)
            if one["kind"] == "Job"
        }

    assert jobs(upgrade=False) == {"s-migrate": (None, ["migrate", "--patience", "600"])}
    assert jobs(upgrade=True) == {
        "s-migrate-pre": ("pre-upgrade", ["migrate", "--phase", "pre", "--patience", "60"]),
        "s-migrate-post": ("post-upgrade", ["migrate", "--patience", "600"]),
    }


def test_brokers_find_one_another_and_only_those_who_use_events_reach_them() -> None:
    documents = render(KAFKA)
    config = named(documents, "ConfigMap", "s-kafka")["data"]["server.properties"]
    voters = ",".join(f"{at + 1}@s-kafka-{at}.s-kafka:9093" for at in range(3))
    assert f"controller.quorum.voters={voters}" in config
    assert "min.insync.replicas=2" in config
    settings = named(documents, "ConfigMap", "s-settings")["data"]
    assert settings["STOCK_EVENTS_LOG"] == "kafka"
    assert settings["STOCK_KAFKA_SERVERS"] == ",".join(f"s-kafka-{at}.s-kafka:9092" for at in range(3))
    peers = named(documents, "NetworkPolicy", "s-kafka")["spec"]["ingress"][0]["from"]
    found = {one["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for one in peers}
    assert found == {"gateway", "relay"}
    assert "STOCK_EVENTS_LOG" not in named(render(), "ConfigMap", "s-settings")["data"]


def test_one_pod_writes_to_the_storage_and_has_its_own_role_and_key_alone() -> None:
    documents = render(BACKUP)
    writer = named(documents, "StatefulSet", "s-backup")["spec"]
    assert writer["replicas"] == 1
    claims = {one["metadata"]["name"] for one in writer["volumeClaimTemplates"]}
    assert claims == {"work", "storage"}
    volumes = writer["template"]["spec"]["volumes"]
    found = {one["secret"]["secretName"]: one["secret"]["items"] for one in volumes if "secret" in one}
    assert {one["key"] for one in found["stock-secrets"]} == {"stock_backup", "valkey"}
    assert {one["key"] for one in found["stock-backup-key"]} == {"key"}
    settings = named(documents, "ConfigMap", "s-settings")["data"]
    assert settings["STOCK_BACKUP_URL"] == "http://s-backup:8003"
    assert "STOCK_BACKUP_URL" not in named(render(), "ConfigMap", "s-settings")["data"]


def test_the_role_of_the_backups_alone_may_receive_the_log() -> None:
    rules = named(render(), "ConfigMap", "s-postgresql")["data"]["pg_hba.conf"].splitlines()
    lines = [line.split() for line in rules if not line.startswith("#")]
    assert [line for line in lines if line[1] == "replication"] == [
        ["host", "replication", "stock_backup", "all", "scram-sha-256"]
    ]
    assert {line[-1] for line in lines if line[0] != "local"} == {"scram-sha-256"}


def test_backups_in_a_bucket_have_no_volume_and_a_way_out_to_it() -> None:
    documents = render(BACKUP, BUCKET)
    text = named(documents, "ConfigMap", "s-backup")["data"]["backup.toml"]
    assert tomllib.loads(text) == {
        "storage": "s3://b/p",
        "s3_endpoint": "https://s3.example.org",
        "s3_region": "us-east-1",
        "s3_ca_file": "/var/lib/stock-ops/config/ca.crt",
        "keep_days": 3,
        "daily_at": "04:00",
        "wal_keep_gib": 0.5,
    }
    (claim,) = named(documents, "StatefulSet", "s-backup")["spec"]["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "work"
    for part in ("backup", "restore"):
        egress = named(documents, "NetworkPolicy", f"s-{part}")["spec"]["egress"]
        blocks = [peer["ipBlock"] for rule in egress for peer in rule["to"] if "ipBlock" in peer]
        assert [one["cidr"] for one in blocks] == ["0.0.0.0/0"]
        assert "10.0.0.0/8" in blocks[0]["except"]


def test_a_restore_is_never_due_by_itself_and_works_on_the_volume_of_the_database() -> None:
    form = named(render(BACKUP), "CronJob", "s-restore")["spec"]
    assert form["suspend"] is True
    pod = form["jobTemplate"]["spec"]["template"]["spec"]
    claims = {
        one["name"]: one["persistentVolumeClaim"]["claimName"]
        for one in pod["volumes"]
        if "persistentVolumeClaim" in one
    }
    assert claims == {
        "data": "data-s-postgresql-0",
        "work": "work-s-backup-0",
        "storage": "storage-s-backup-0",
    }
    mounts = {one["mountPath"]: one["name"] for one in pod["containers"][0]["volumeMounts"]}
    assert mounts["/var/lib/stock-ops"] == "data"
    other = {"database": {"mode": "external", "host": "db.example.org"}}
    kinds = {one["kind"] for one in render(BACKUP, other)}
    assert "StatefulSet" in kinds
    assert "CronJob" not in kinds


def test_a_server_of_the_databases_own_image_recovers_beside_the_operations_and_has_no_secret() -> None:
    documents = render(BACKUP)
    image = named(documents, "StatefulSet", "s-postgresql")["spec"]["template"]["spec"]["containers"][0][
        "image"
    ]
    writer = named(documents, "StatefulSet", "s-backup")["spec"]["template"]["spec"]
    form = named(documents, "CronJob", "s-restore")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for pod, shared in ((writer, "/var/lib/stock-ops/scratch"), (form, "/var/lib/stock-ops")):
        (beside,), (ours,) = pod["initContainers"], pod["containers"]
        assert (beside["image"], beside["restartPolicy"]) == (image, "Always")
        door = {"name": "STOCKOPS_RECOVERY", "value": f"{shared}/.recovery"}
        assert beside["env"] == [door]
        assert door in ours["env"]
        mounts = {one["name"] for one in beside["volumeMounts"]}
        assert mounts.isdisjoint({"secrets", "key", "config", "storage"})
        (folder,) = (one for one in beside["volumeMounts"] if one["mountPath"] == shared)
        assert folder in ours["volumeMounts"]
    other = {"database": {"mode": "external", "host": "db.example.org"}}
    writer = named(render(BACKUP, other), "StatefulSet", "s-backup")["spec"]["template"]["spec"]
    assert "initContainers" not in writer
    assert "STOCKOPS_RECOVERY" not in yaml.safe_dump(writer)


def test_only_parts_that_ask_providers_have_a_way_out_and_not_to_the_cluster() -> None:
    documents = render({"parts": {"live": {"enabled": True}}})
    outside = {
        one["metadata"]["name"]: peer["ipBlock"]
        for one in documents
        if one["kind"] == "NetworkPolicy"
        for rule in one["spec"].get("egress", [])
        for peer in rule["to"]
        if "ipBlock" in peer
    }
    assert set(outside) == {"s-live", "s-sentiment"}
    assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(outside["s-live"]["except"])


def test_a_part_is_added_by_values_alone() -> None:
    like = {
        "enabled": True,
        "target": "stock",
        "port": 8009,
        "role": "reader",
        "valkey": False,
        "events": False,
        "providers": False,
        "replicas": 1,
    }
    like |= {
        "autoscaling": {"enabled": False},
        "resources": _resources(),
        "priorityClassName": "",
        "env": {"A": "b"},
    }
    documents = render({"parts": {"another": like}})
    assert problems(documents) == []
    assert named(documents, "Deployment", "s-another")["spec"]["replicas"] == 1
    peers = named(documents, "NetworkPolicy", "s-postgresql")["spec"]["ingress"][0]["from"]
    assert "another" in {one["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for one in peers}


def _resources() -> Values:
    return {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}


def test_a_large_number_is_written_in_full() -> None:
    values: Values = {
        "route": {"ratePerMinute": 1_000_000},
        "settings": {"STOCK_A": 20_000_000, "STOCK_B": 0.5},
        "parts": {"stock": {"env": {"STOCK_C": 3_000_000}}},
        "database": {"managed": {"settings": {"max_wal_size": 4_000_000}}},
    }
    text = yaml.safe_dump_all(render(values))
    assert "e+" not in text
    for written in ("1000000", "20000000", "0.5", "3000000", "4000000"):
        assert written in text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"image": {"digest": ""}}, "image.digest is missing"),
        ({"image": {"digest": "", "tag": "1.0"}}, "image.digest is missing"),
        ({"secrets": {"existing": ""}}, "secrets.existing is missing"),
        ({"database": {"managed": {"image": "timescale/timescaledb:latest"}}}, "is not pinned"),
        ({"database": {"managed": {"image": ""}}}, "database.managed.image is missing"),
        ({"database": {"mode": "external"}}, "database.host is missing"),
        ({"events": {"mode": "external"}}, "events.servers is missing"),
        ({"events": {"mode": "managed"}}, "events.managed.image is missing"),
        ({"events": {"brokers": 2}}, "events.brokers is 2"),
        (
            {"database": {"mode": "operator", "operator": {"image": f"a/timescaledb{PINNED}"}}},
            "database.operator.image=.* no version: give it as NAME:VERSION@sha256",
        ),
        ({"backup": {"enabled": True, "image": {"digest": ""}}}, "backup.image.digest is missing"),
        (merged(BACKUP, {"backup": {"storage": {"mode": "s3"}}}), "backup.storage.s3.url is missing"),
        ({"route": {"gatewayApi": {"enabled": True}}}, "route.gatewayApi.className is missing"),
        ({"route": {"tls": {"enabled": True, "issuer": {"name": "x"}}}}, "route.host is missing"),
    ],
)
def test_what_is_missing_is_said(values: Values, said: str) -> None:
    with pytest.raises(helm_python.HelmError, match=said):
        render(values)


def _replace(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


BROKEN: dict[str, tuple[str, Callable[[str], str]]] = {
    "root": ("_pods.tpl", _replace("runAsNonRoot: true", "runAsNonRoot: false")),
    "writable-root": ("_pods.tpl", _replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false")),
    "privileges": ("_pods.tpl", _replace("{drop: [ALL]}", "{}")),
    "token": (
        "_pods.tpl",
        _replace("automountServiceAccountToken: false", "automountServiceAccountToken: true"),
    ),
    "seccomp": ("_pods.tpl", _replace("RuntimeDefault", "Unconfined")),
    "missing-probe": ("parts.yaml", _replace("readinessProbe:", "startupProbe:")),
    "unpinned-image": ("parts.yaml", _replace('{{ include "stock.image" $ }}', "stock-analysis:latest")),
    "open-policy": (
        "networkpolicies.yaml",
        _replace("policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]"),
    ),
    "secret-in-value": (
        "settings.yaml",
        _replace("STOCK_HOST: 0.0.0.0", "STOCK_HOST: 0.0.0.0\nSTOCK_VALKEY_PASSWORD: hunter2"),
    ),
    "version-in-selector": (
        "_names.tpl",
        _replace(
            "app.kubernetes.io/component: {{ .part }}", "app.kubernetes.io/component: {{ .part }}\nversion: a"
        ),
    ),
    "version-in-server": (
        "postgresql.yaml",
        _replace(
            'labels: {{- include "stock.selector" $here | nindent 8 }}',
            'labels: {{- include "stock.labels" $here | nindent 8 }}',
        ),
    ),
    "spread-across-versions": (
        "parts.yaml",
        _replace("matchLabelKeys: [pod-template-hash]", "minDomains: 1"),
    ),
    "spread-over-lost-nodes": ("parts.yaml", _replace("nodeTaintsPolicy: Honor", "minDomains: 2")),
    "replicas-beside-hpa": (
        "parts.yaml",
        _replace("{{- if not $it.autoscaling.enabled }}", "{{- if true }}"),
    ),
    "variable-in-probe": ("postgresql.yaml", _replace('"$POSTGRES_DB"\n', '"$(POSTGRES_DB)"\n')),
    "pgdata-at-mount": (
        "postgresql.yaml",
        _replace("/var/lib/postgresql/data/pgdata}", "/var/lib/postgresql/data}"),
    ),
    "schema": ("parts.yaml", _replace("revisionHistoryLimit: 5", "revisionHistoryLimits: 5")),
    "resources": (
        "parts.yaml",
        _replace("resources: {{- toYaml $it.resources | nindent 12 }}", "resources: {}"),
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_chart_is_caught_by_name(rule: str, tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    file, change = BROKEN[rule]
    path = chart / "templates" / file
    path.write_text(change(path.read_text()))
    assert rule in rules(render(chart=chart))


def test_only_a_label_that_is_named_so_must_be_kept_to() -> None:
    host = "kubernetes.io/hostname"
    values = {"spreadAcross": [host, "zone"], "spreadStrictly": [host]}
    (gateway,) = (one for one in render(values) if _is_gateway(one))
    constraints = gateway["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert [(one["topologyKey"], one["whenUnsatisfiable"]) for one in constraints] == [
        (host, "DoNotSchedule"),
        ("zone", "ScheduleAnyway"),
    ]


def _is_gateway(document: Document) -> bool:
    return (document["kind"], document["metadata"]["name"]) == ("Deployment", f"{NAME}-gateway")


def test_an_unknown_value_is_refused_by_its_name() -> None:
    with pytest.raises(helm_python.HelmError, match="replica"):
        render({"parts": {"stock": {"replica": 3}}})


def test_a_value_of_another_kind_is_refused() -> None:
    wrong: list[dict[str, Any]] = [
        {"database": {"port": "many"}},
        {"database": {"mode": "sqlite"}},
        {"nonsense": 1},
    ]
    for values in wrong:
        with pytest.raises(helm_python.HelmError):
            render(values)
