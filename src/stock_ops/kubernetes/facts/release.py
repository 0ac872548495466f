"""What Helm remembers of a release."""

from dataclasses import dataclass
from typing import Any

from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.facts.rendered import documents
from stock_ops.kubernetes.objects import Object

DEPLOYED = "deployed"


@dataclass(frozen=True, slots=True)
class Release:
    """Its revisions, the oldest first."""

    revisions: tuple[dict[str, Any], ...]

    @property
    def exists(self) -> bool:
        """Whether it was ever installed, and not taken away."""
        return bool(self.revisions) and self.state != "uninstalled"

    @property
    def state(self) -> str:
        """Of the newest revision."""
        return str(self.revisions[-1]["status"]) if self.revisions else "none"

    @property
    def is_cut_off(self) -> bool:
        """Whether the newest change was begun and not ended. Helm takes no other one then."""
        return self.state.startswith("pending-")

    @property
    def newest(self) -> int:
        """Its number."""
        return int(self.revisions[-1]["revision"]) if self.revisions else 0

    @property
    def serving(self) -> int | None:
        """The newest revision that came up."""
        numbers = [int(one["revision"]) for one in self.revisions if one["status"] == DEPLOYED]
        return max(numbers, default=None)


def read_release(helm: Any, environment: Environment) -> Release:
    """Raises helm_python.HelmError where the cluster does not answer."""
    import helm_python

    try:
        found = helm.history(environment.release, max_revisions=50)
    except helm_python.HelmNotFoundError:
        return Release(())
    return Release(tuple(sorted((_flat(one) for one in found), key=lambda one: int(one["revision"]))))


def _flat(revision: dict[str, Any]) -> dict[str, Any]:
    """Summaries of Helm have the status in `info` or beside it."""
    info = revision.get("info") or {}
    return {
        "revision": revision.get("version") or revision.get("revision"),
        "status": info.get("status") or revision.get("status"),
        "updated": info.get("last_deployed")
        or revision.get("updated")
        or revision.get("last_deployed")
        or "",
        "description": info.get("description") or revision.get("description") or "",
    }


def read_manifest(helm: Any, environment: Environment, revision: int) -> list[Object]:
    """The objects of a revision, without hooks."""
    return documents(helm.status(environment.release, revision=revision)["manifest"])
