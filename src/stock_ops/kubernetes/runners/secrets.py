"""Bring secrets into a namespace."""

import base64
from collections.abc import Mapping

from stock_ops.kit.secret_names import SECRET_NAMES, SUPERUSER
from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.facts.cluster import CORE
from stock_ops.kubernetes.facts.environment import Environment

_SECURITY = "pod-security.kubernetes.io/enforce"
_RELOAD = {"cnpg.io/reload": "true"}
"""CloudNativePG looks at a changed Secret at once where it bears this label."""


def push(
    connection: Connection, environment: Environment, name: str, values: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """Make the namespace where there is none, and the Secret as these values are; the keys that changed.

    A secret of two values, while it is changed, has a line for each. Where CloudNativePG has the database,
    each role gets a Secret in its form, too. Raises ClusterError.
    """
    namespace = f"{CORE}/{environment.namespace}"
    if connection.get(namespace) is None:
        document = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": environment.namespace, "labels": {_SECURITY: "restricted"}},
        }
        connection.well(connection.apply(namespace, document), f"the namespace {environment.namespace}")
    wanted = {key: "".join(f"{one}\n" for one in lines) for key, lines in values.items()}
    changed = write_secret(connection, f"{namespace}/secrets/{name}", wanted, "Opaque")
    if (environment.values.get("database") or {}).get("mode") == "operator":
        for role in (one.name for one in SECRET_NAMES if one.database and one.name != SUPERUSER):
            path = f"{namespace}/secrets/{environment.release}-postgresql-{role.replace('_', '-')}"
            of_role = {"username": role, "password": values[role][0]}
            write_secret(connection, path, of_role, "kubernetes.io/basic-auth", _RELOAD)
    return changed


def write_secret(
    connection: Connection,
    path: str,
    values: Mapping[str, str],
    kind: str,
    labels: Mapping[str, str] | None = None,
) -> list[str]:
    """Make or change a Secret; the keys that changed. Raises ClusterError."""
    name = path.rpartition("/")[2]
    wanted = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    known = (connection.get(path) or {}).get("data") or {}
    changed = [key for key, value in wanted.items() if key not in known or (known[key] or "") != value]
    if changed:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": dict(labels or {})},
            "type": kind,
            "data": wanted,
        }
        connection.well(connection.apply(path, secret), f"the Secret {name}")
    return changed
