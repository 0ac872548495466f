"""Whether both sides hold the same. Pure."""

from collections.abc import Mapping

from stock_ops.kit.errors import OpsError, UnsoundDataError

Content = Mapping[str, tuple[int, str]]
"""Rows and checksum of each table."""
BEATS = "public.ops_heartbeat"
"""Beats on at both sides, and says nothing of anybody's data."""
_MOST_NAMED = 5


def differences(origin: Content, other: Content) -> list[str]:
    """Each table that is not the same, in words; none when both hold the same rows."""
    found = []
    for table in sorted((origin.keys() | other.keys()) - {BEATS}):
        here, there = origin.get(table), other.get(table)
        if here is None or there is None:
            found.append(f"{table} is on one side only")
        elif here != there:
            found.append(f"{table}: {here[0]:,} rows, checksum {here[1][:8]}; {there[0]:,}, {there[1][:8]}")
    return found


def refuse_other(origin: Content, copy: Content) -> None:
    """Raise UnsoundDataError when the copy is not what the origin holds."""
    if found := differences(origin, copy):
        raise UnsoundDataError(
            f"The copy differs from its origin: {'; '.join(found[:_MOST_NAMED])}.",
            "The origin is still the instance. Run this again; if they differ again, report it.",
        )


def refuse_changed(before: Content, after: Content) -> None:
    """Raise ChangedOriginError when somebody wrote to the origin meanwhile."""
    if found := differences(before, after):
        raise ChangedOriginError("; ".join(found[:_MOST_NAMED]))


class ChangedOriginError(OpsError):
    """Somebody wrote to the origin while it was copied."""

    def __init__(self, told: str) -> None:
        super().__init__(
            f"The origin was changed while it was copied: {told}.",
            "End the imports that run there, then run this again. The origin is still the instance.",
        )


class UnfinishedChangeError(OpsError):
    """A change of the API keys' pepper was cut off, so that the keys have two."""

    def __init__(self) -> None:
        super().__init__(
            "A change of the API keys' pepper was cut off: some keys have the old one still.",
            "Bring it to its end with: stockops up",
        )
