"""Everything that is known before a release is changed: facts of environment, cluster and release, judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.errors import RefusedError
from stock_ops.kubernetes.facts.backups import (
    ask_part,
    backup_secret,
    has_backups,
    keeps_in_bucket,
    newest_backup,
)
from stock_ops.kubernetes.facts.cluster import CORE, of_release, read_records, secret_keys
from stock_ops.kubernetes.facts.environment import Checkout, Environment, read_checkout
from stock_ops.kubernetes.facts.release import Release, read_manifest, read_release
from stock_ops.kubernetes.facts.rendered import render
from stock_ops.kubernetes.objects import Object
from stock_ops.kubernetes.plans.checks import (
    Check,
    check_backup,
    check_backup_key,
    check_images,
    check_migrations,
    check_namespace,
    check_objects,
    check_quota,
    check_secrets,
    dry_run_body,
    failed,
    label,
)
from stock_ops.kubernetes.plans.diff import Change, changes


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a deploy would do, and whether it may."""

    documents: tuple[Object, ...]
    checkout: Checkout
    release: Release
    records: tuple[dict[str, Any], ...]
    changes: tuple[Change, ...]
    checks: tuple[Check, ...]

    def refuse(self) -> None:
        """Raise RefusedError where a check did not pass."""
        bad = failed(self.checks)
        if bad:
            todo = "; ".join(dict.fromkeys(one.todo for one in bad if one.todo))
            told = "; ".join(f"{one.name}: {one.detail}" for one in bad)
            raise RefusedError(f"Nothing was changed: {told}.", todo or "Correct it, then run this again.")


def prepare(helm: Any, connection: Connection, environment: Environment) -> Prepared:
    """Render, compare, check. Changes nothing. Raises OpsError."""
    namespace = connection.get(f"{CORE}/{environment.namespace}")
    release = read_release(helm, environment) if namespace else Release(())
    upgrade = release.exists
    documents = render(environment, upgrade=upgrade)
    records = read_records(connection, environment) if namespace else []
    checkout = read_checkout(environment.root)
    serving = release.serving
    old = read_manifest(helm, environment, serving) if serving else []
    return Prepared(
        documents=tuple(documents),
        checkout=checkout,
        release=release,
        records=tuple(records),
        changes=changes(old, documents),
        checks=tuple(_checks(connection, environment, documents, records, checkout, namespace, upgrade)),
    )


def _checks(
    connection: Connection,
    environment: Environment,
    documents: Sequence[Object],
    records: Sequence[dict[str, Any]],
    checkout: Checkout,
    namespace: Object | None,
    upgrade: bool,
) -> list[Check]:
    values = environment.values
    secrets = values.get("secrets") or {}
    external = bool((secrets.get("external") or {}).get("enabled"))
    name = f"{environment.release}-secrets" if external else str(secrets.get("existing"))
    found = [
        check_namespace(namespace, environment.namespace),
        check_images(documents, tags=bool((values.get("image") or {}).get("allowTag"))),
    ]
    if namespace is not None:
        found += [
            check_objects(_refused(connection, environment, documents), len(documents)),
            check_secrets(secret_keys(connection, environment, name), name, external=external),
            check_quota(documents, _foreign_quotas(connection, environment)),
        ]
        if has_backups(environment):
            key = backup_secret(environment)
            known = secret_keys(connection, environment, key)
            found.append(check_backup_key(known, key, bucket=keeps_in_bucket(environment)))
    found.append(check_migrations(documents, records, checkout.pre, checkout.post, upgrade=upgrade))
    if upgrade:
        found.append(check_backup(environment.backup_within_h, *_backup_age(connection, environment)))
    return found


def _foreign_quotas(connection: Connection, environment: Environment) -> list[Object]:
    """Quotas of the namespace that another than the release set."""
    label_name, _, ours = of_release(environment).partition("=")
    quotas = connection.items(f"{CORE}/{environment.namespace}/resourcequotas")
    return [one for one in quotas if (one["metadata"].get("labels") or {}).get(label_name) != ours]


def _refused(connection: Connection, environment: Environment, documents: Sequence[Object]) -> dict[str, str]:
    """What the API says against each object, by a dry run on the server."""
    refused = {}
    for document in documents:
        body = dry_run_body(document)
        path = connection.path_of(body, environment.namespace)
        if path is None:
            refused[label(document)] = f"the cluster has no kind {document['apiVersion']}/{document['kind']}"
            continue
        answer = connection.apply(path, body, dry_run=True)
        if answer.status >= 400:
            refused[label(document)] = answer.message[:300]
    return refused


def _backup_age(connection: Connection, environment: Environment) -> tuple[float | None, str]:
    """Seconds since the newest backup that the cluster knows of, and where that is said."""
    if has_backups(environment):
        account = ask_part(connection, environment)
        newest = newest_backup(account) if account else None
        how = "the account of the part backup" if account else "the part backup does not answer"
        return (_age(newest) if newest else None), how
    values = environment.values
    mode = (values.get("database") or {}).get("mode", "managed")
    if mode == "operator":
        name = f"{environment.release}-postgresql"
        path = f"/apis/postgresql.cnpg.io/v1/namespaces/{environment.namespace}/clusters/{name}"
        last = ((connection.get(path) or {}).get("status") or {}).get("lastSuccessfulBackup")
        return (_age(last) if last else None), f"status of Cluster/{name}"
    return None, "the environment has no part for backups: backup.enabled"


def _age(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
