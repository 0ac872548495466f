"""What is remembered of a deploy, and what it forbids later. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 20
"""Deploys that are remembered."""
DONE, UNDONE, NOT_UNDONE, ROLLED_BACK = "deployed", "undone", "not undone", "rolled back"


@dataclass(frozen=True, slots=True)
class Record:
    """One deploy or rollback."""

    number: int
    at: str
    """UTC, ISO 8601."""
    by: str
    environment: str
    commit: str
    images: tuple[str, ...]
    values: str
    """Their hash."""
    revision: int
    """Helm's, that serves afterwards."""
    outcome: str
    pre: int
    post: int
    """Numbers of the newest migrations of the version that serves."""
    why: tuple[str, ...] = ()
    seconds: float = 0.0

    def body(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def key_of(number: int) -> str:
    """Its key in the ConfigMap; they sort as the numbers do."""
    return f"{number:06d}.json"


def next_number(records: Sequence[Mapping[str, Any]]) -> int:
    """For the next record."""
    return max((int(one["number"]) for one in records), default=0) + 1


def newest_schema(records: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Numbers of the newest pre and post migrations that any deploy may have applied."""
    pre = max((int(one["pre"]) for one in records), default=0)
    posts = (int(one["post"]) for one in records if one["outcome"] in {DONE, NOT_UNDONE})
    return pre, max(posts, default=0)


def of_revision(records: Sequence[Mapping[str, Any]], revision: int) -> Mapping[str, Any] | None:
    """The record of the deploy that made a revision."""
    found = [one for one in records if int(one["revision"]) == revision]
    return found[-1] if found else None


def ahead_of(records: Sequence[Mapping[str, Any]], post: int) -> int | None:
    """The newest post migration in the database that a version does not know; None where it knows all.

    post: of that version. What runs before new code serves old code, too; what runs once the old code is gone
    may have taken away what it needs.
    """
    newest = newest_schema(records)[1]
    return newest if newest > post else None
