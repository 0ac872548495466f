"""A copy of the storage as people and programs read it. Pure."""

from datetime import datetime
from typing import Any

from stock_ops.backup.plans.catalog import catalog
from stock_ops.kit.errors import OpsError
from stock_ops.local.plans.status import copy_line as copy_line
from stock_ops.storage.facts.contents import Contents


def copy_data(
    name: str,
    where: str,
    contents: Contents | None,
    *,
    lag_s: float | None = None,
    shipped_at: datetime | None = None,
    pending_bytes: int | None = None,
    free_bytes: int | None = None,
    trouble: OpsError | None = None,
) -> dict[str, Any]:
    """A copy for programs; times are texts in ISO format. What is not known is null."""
    entries = catalog(contents) if contents else ()
    usable = [one.manifest for one in entries if one.manifest and not one.flaw]
    verified = [one.verification.at for one in entries if one.verification]
    return {
        "name": name,
        "where": where,
        "backups": len(usable) if contents else None,
        "newest": usable[-1].id if usable else None,
        "newest_at": usable[-1].finished_at.isoformat() if usable else None,
        "verified_at": max(verified).isoformat() if verified else None,
        "damaged": [one.id for one in entries if one.flaw],
        "used_bytes": contents.used_bytes if contents else None,
        "free_bytes": free_bytes,
        "lag_s": lag_s,
        "last_point": shipped_at.isoformat() if shipped_at else None,
        "pending_bytes": pending_bytes,
        "trouble": trouble.why if trouble else None,
    }
