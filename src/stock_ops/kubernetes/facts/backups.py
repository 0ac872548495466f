"""How the backups of a release stand, by the account of its backup part."""

import json
from typing import Any

from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.errors import ClusterError
from stock_ops.kubernetes.facts.cluster import pods_of
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.objects import Object

BACKUP = "backup"
_COMPONENT = "app.kubernetes.io/component"
_ASK = (
    "from urllib.request import urlopen as ask; "
    "print(ask('http://127.0.0.1:8003/status', timeout=10).read().decode())"
)


def has_backups(environment: Environment) -> bool:
    """Whether the values enable the part."""
    return bool((environment.values.get("backup") or {}).get("enabled"))


def backup_secret(environment: Environment) -> str:
    """Name of the Secret with their key."""
    return str((environment.values.get("backup") or {}).get("secret") or "stock-backup-key")


def keeps_in_bucket(environment: Environment) -> bool:
    """Whether they go to a bucket, and to no volume."""
    storage = (environment.values.get("backup") or {}).get("storage") or {}
    return bool(storage.get("mode") == "s3")


def pod_of_backups(connection: Connection, environment: Environment) -> Object | None:
    """The one that runs; None where none does."""
    for pod in pods_of(connection, environment):
        ends = "deletionTimestamp" in pod["metadata"]
        if pod["metadata"]["labels"].get(_COMPONENT) == BACKUP and not ends:
            states = pod["status"].get("containerStatuses", [])
            if any("running" in one["state"] for one in states):
                return pod
    return None


def ask_part(connection: Connection, environment: Environment) -> dict[str, Any] | None:
    """Its account; None when it does not run, or does not answer."""
    pod = pod_of_backups(connection, environment)
    if pod is None:
        return None
    try:
        code, said = connection.run_in(
            environment.namespace, pod["metadata"]["name"], BACKUP, ["python3", "-c", _ASK]
        )
        found: dict[str, Any] = json.loads(said)
    except (ClusterError, ValueError):
        return None
    return found if code == 0 else None


def newest_backup(account: dict[str, Any]) -> str | None:
    """When the newest backup that can be restored was finished, as ISO text; None where there is none."""
    return max((str(one["finished_at"]) for one in account["backups"]), default=None)
