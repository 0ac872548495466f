"""Bring secrets into a namespace."""

import base64
from collections.abc import Mapping

from stock_ops.kubernetes.connection import Connection
from stock_ops.kubernetes.facts.cluster import CORE
from stock_ops.kubernetes.facts.environment import Environment

_SECURITY = "pod-security.kubernetes.io/enforce"


def push(
    connection: Connection, environment: Environment, name: str, values: Mapping[str, tuple[str, ...]]
) -> list[str]:
    """Make the namespace where there is none, and the Secret as these values are; the keys that changed.

    A secret of two values, while it is changed, has a line for each. Raises ClusterError.
    """
    namespace = f"{CORE}/{environment.namespace}"
    if connection.get(namespace) is None:
        document = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": environment.namespace, "labels": {_SECURITY: "restricted"}},
        }
        connection.well(connection.apply(namespace, document), f"the namespace {environment.namespace}")
    path = f"{namespace}/secrets/{name}"
    wanted = {
        key: base64.b64encode("".join(f"{one}\n" for one in lines).encode()).decode()
        for key, lines in values.items()
    }
    known = (connection.get(path) or {}).get("data") or {}
    changed = [key for key, value in wanted.items() if known.get(key, "" if key in known else None) != value]
    if changed:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "type": "Opaque",
            "data": wanted,
        }
        connection.well(connection.apply(path, secret), f"the Secret {name}")
    return changed
