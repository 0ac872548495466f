"""Who may write to a storage: the one instance that holds it. Pure.

Invariant: an instance writes only while the newest entry in the storage is its own. An entry is taken by
writing the next epoch once, which one of several can do; whoever sees a newer one stops. Each entry carries a
session that its writer alone knows, and noted before it wrote it:

- cut off in between, the writer knows its entry again;
- a copy of the data folder does not know what the original has written since, and stops, not the original;
- a copy made while the folder rested knows all of it, but lies elsewhere, on another machine or in another
  folder, and asks before it writes anything.

Nobody takes a storage from another instance but by `stockops backup writer take-over`.
"""

from dataclasses import dataclass
from typing import Literal

from stock_ops.archive.facts.identity import Here, Identity
from stock_ops.kit.typed import command
from stock_ops.storage.writers import TwoWritersError, Writer

RENEW_S = 300.0
"""A new entry so often: what a copy was made before of, it does not know."""
KEPT = 3
"""Entries that stay in the storage."""
_SESSIONS = 3


@dataclass(frozen=True, slots=True)
class Take:
    """Write this epoch. `anew`: as an instance that is drawn now."""

    epoch: int
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Contested:
    """Another one holds the storage."""

    why: Literal["unknown here", "a copy", "another instance", "a twin"]
    holder: Writer


def judge(identity: Identity | None, here: Here, holder: Writer | None) -> Take | Contested:
    """Whether this folder may write to a storage, whose newest entry is the holder's."""
    if holder is None:
        return Take(
            (identity.epoch if identity else 0) + 1, anew=identity is None or not is_at_home(identity, here)
        )
    if identity is None:
        return Contested("unknown here", holder)
    if not is_at_home(identity, here):
        return Contested("a copy", holder)
    if holder.instance != identity.instance:
        return Contested("another instance", holder)
    if holder.session not in identity.sessions:
        return Contested("a twin", holder)
    return Take(holder.epoch + 1)


def is_at_home(identity: Identity, here: Here) -> bool:
    """Whether the folder is the one for which the identity was drawn; it may have been moved."""
    then, now = identity.place, here.place
    return (then.machine, then.inode) == (now.machine, now.inode) and not here.is_elsewhere_too


def sessions_with(identity: Identity, session: str) -> tuple[str, ...]:
    """What is noted before an entry is written."""
    return (*identity.sessions, session)[-_SESSIONS:]


def explain(where: str, contested: Contested, here: Here) -> TwoWritersError:
    """Both writers by name, both explanations, and what can be done."""
    holder, folder = contested.holder, here.place.folder
    me = f"{folder} on {here.host}"
    return TwoWritersError(
        f"Two writers: {where} is held by {holder}, last seen {holder.at:%Y-%m-%d %H:%M:%S}Z, and {me} wants "
        f"to write there, too. {_WHY[contested.why]} Nothing of {folder} goes there meanwhile.",
        decide(folder),
    )


def explain_other_bytes(where: str, name: str, holder: Writer | None, here: Here) -> TwoWritersError:
    """An object that was written once has other bytes than this server's."""
    me, other = f"{here.place.folder} on {here.host}", "an instance that left no entry (an earlier release)"
    if holder is not None and holder.folder != here.place.folder:
        other = str(holder)
    return TwoWritersError(
        f"Two writers: {name} in {where} holds other log than {me} wrote; it was written by {other}. "
        "Either that one is a copy of this instance, or this one is a copy, or older data were put back "
        "here. It is not replaced.",
        decide(here.place.folder),
    )


def decide(folder: str) -> str:
    """What to type."""
    take_over, new_line, stop = (
        command("backup", "writer", verb, "--data", folder) for verb in ("take-over", "new-line", "stop")
    )
    return (
        f"See which of the two is the true one: `stockops runbook two-writers`. If it is this one: "
        f"`{take_over}`; if this is a copy that shall have backups of its own: `{new_line}`; "
        f"or without any: `{stop}`"
    )


_WHY = {
    "unknown here": "This folder never wrote there: it was restored from there, or has lost "
    "backup/identity.json; or the other one is a copy.",
    "a copy": "This folder was copied from another machine or folder, or put back; or the other one is "
    "a copy.",
    "another instance": "That one took the storage over, or is a copy of this folder.",
    "a twin": "That one is a copy of this folder with the same identity, or this is an older copy of it.",
}
