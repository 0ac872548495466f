"""Remember a deploy: in a ConfigMap beside the release, and as an event for those who look at the cluster."""

import json
from datetime import UTC, datetime

from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.facts.cluster import CORE, of_release, read_records, records_name
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.plans.record import DONE, KEPT, ROLLED_BACK, Record, key_of

_REASONS = {DONE: "Deployed", ROLLED_BACK: "RolledBack"}


def remember(connection: Connection, environment: Environment, record: Record) -> None:
    """Add it to the ConfigMap, which keeps the newest, and tell it as an event. Raises ClusterError."""
    here = f"{CORE}/{environment.namespace}"
    known = [*read_records(connection, environment), record.body()][-KEPT:]
    label, _, release = of_release(environment).partition("=")
    name = records_name(environment)
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "labels": {label: release, "app.kubernetes.io/managed-by": "stockops"},
        },
        "data": {key_of(int(one["number"])): json.dumps(one, sort_keys=True) for one in known},
    }
    path = f"{here}/configmaps/{name}"
    answer = connection.apply(path, document)
    made = connection.well(answer, f"the record {name}")
    event = _event(environment, record, made["metadata"]["uid"])
    connection.well(connection.ask("POST", f"{here}/events", body=event), "the event of the deploy")


def _event(environment: Environment, record: Record, uid: str) -> dict[str, object]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    what = f"{record.outcome}: revision {record.revision}, commit {record.commit[:12]}, by {record.by}"
    words = "; ".join((what, *record.why[:2]))
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{records_name(environment)}.", "namespace": environment.namespace},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": records_name(environment),
            "namespace": environment.namespace,
            "uid": uid,
        },
        "reason": _REASONS.get(record.outcome, "DeployFailed"),
        "message": words[:1000],
        "type": "Normal" if record.outcome in _REASONS else "Warning",
        "source": {"component": "stockops"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
