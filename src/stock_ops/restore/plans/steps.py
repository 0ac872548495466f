"""A restore as a state machine: make the new data apart, prove them, then put them in place.

Invariant: at every moment either the old data or the verified new data lie in place, whole; the old are
deleted by nobody. Whatever cuts a restore off, `plan_restore` of what then lies on the disk leads to its end.

- Everything before the stage `place` touches the work folder alone, and may be done again.
- The stage `place` is written down only once the new cluster is recovered, proven, and safe on the disk; and
  with it the inode of its folder, by which each later look tells new from old, wherever they lie.
- New and old change places in one step of the kernel. Where a file system cannot do that, there is a moment
  in which nothing lies in place; both are whole, and nothing can be started then.
- The old cluster moves to the kept data before the restore is forgotten.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from stock_ops.kit.errors import CorruptFileError, UnfitError
from stock_ops.local.facts.instance import Unreadable
from stock_ops.local.facts.unfinished import STAGES, Stage
from stock_ops.restore.facts.progress import Progress, Works


@dataclass(frozen=True, slots=True)
class Begin:
    """Clear the work folder and write down the choice."""

    progress: Progress
    title = "Restore"

    @property
    def detail(self) -> str:
        """What."""
        return f"{self.progress.chain[-1]}, to the {self.progress.target}"


@dataclass(frozen=True, slots=True)
class FetchBackup:
    """Fetch, open, unpack and verify one backup."""

    backup: str
    title = "Fetch"

    @property
    def detail(self) -> str:
        """Which one."""
        return self.backup


@dataclass(frozen=True, slots=True)
class BuildCluster:
    """Put the chain together to one cluster."""

    chain: tuple[str, ...]
    title = "Combine"

    @property
    def detail(self) -> str:
        """Of what."""
        count = len(self.chain)
        return "a full backup alone" if count == 1 else f"a full backup and {count - 1} incremental"


@dataclass(frozen=True, slots=True)
class FetchLog:
    """Fetch the write-ahead log that recovery reads."""

    progress: Progress
    title = "Fetch the log"

    @property
    def detail(self) -> str:
        """How much."""
        wal = self.progress.wal
        return f"{len(wal)} segments from {wal[0].name}" if wal else "none"


@dataclass(frozen=True, slots=True)
class Prove:
    """Recover to the backup's own mark and compare the content with the measurement there."""

    progress: Progress
    title = "Verify"

    @property
    def detail(self) -> str:
        """Against what."""
        return f"every table against the manifest of {self.progress.chain[-1]}"


@dataclass(frozen=True, slots=True)
class Recover:
    """Go on to the target, and become writable."""

    progress: Progress
    title = "Recover"

    @property
    def detail(self) -> str:
        """To where."""
        return f"to the {self.progress.target}"


@dataclass(frozen=True, slots=True)
class Settle:
    """Give the new cluster this folder's passwords, make Valkey's folder, and have all of it on the disk."""

    progress: Progress
    title = "Settle"

    @property
    def detail(self) -> str:
        """What."""
        streams = ", Valkey's streams" if self.progress.streams else ""
        return f"passwords{streams}, flushed to the disk"


@dataclass(frozen=True, slots=True)
class Reach:
    """Write down how far the restore came."""

    stage: Stage
    title = "Remember"

    @property
    def detail(self) -> str:
        """The next stage."""
        return f"next: {self.stage}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """New and old cluster change places, in one step."""

    keep: str
    title = "Swap"
    detail = "the restored data and the present data"


@dataclass(frozen=True, slots=True)
class MoveIn:
    """Put the new cluster in its place, where nothing is."""

    title = "Move in"
    detail = "the restored data"


@dataclass(frozen=True, slots=True)
class KeepOld:
    """Move the old cluster to the kept data."""

    keep: str
    title = "Keep"

    @property
    def detail(self) -> str:
        """Where."""
        return f"the old data, in kept/{self.keep}"


@dataclass(frozen=True, slots=True)
class KeepRest:
    """Move the rest of the old data after the cluster: the cache, and the log that was not shipped.

    Where the backup holds anything of Valkey, that comes in the cache's place.
    """

    keep: str
    title = "Keep the rest"
    detail = "the cache and the unshipped log of the old data"


@dataclass(frozen=True, slots=True)
class Finish:
    """Clear the work folder, and forget the restore."""

    title = "Clean up"
    detail = "the work folder of the restore"


Step = (
    Begin
    | FetchBackup
    | BuildCluster
    | FetchLog
    | Prove
    | Recover
    | Settle
    | Reach
    | Exchange
    | MoveIn
    | KeepOld
    | KeepRest
    | Finish
)

QUIET = (Reach, KeepRest, Finish)


def plan_restore(wanted: Progress, works: Works) -> tuple[Step, ...]:
    """The steps from the present state of the disk to the restored data in place.

    wanted: the restore from its beginning; an unfinished one that was asked for in the same words goes on.
    """
    progress = resumable(wanted, works)
    if progress is None:
        nothing = replace(works, progress=None, fetched=frozenset(), built=None)
        return (Begin(wanted), *make_steps(wanted, nothing), *_place_steps(wanted, nothing))
    return (*make_steps(progress, works), *_place_steps(progress, works))


def plan_place(works: Works) -> tuple[Step, ...]:
    """The last steps of a restore that was cut off while it put its data in place; else none."""
    progress = works.progress
    if isinstance(progress, Unreadable):
        raise CorruptFileError(
            progress.path,
            progress.reason,
            f"Move {progress.path.parent} out of the data folder, but delete nothing in it: "
            "it may hold the data that were in place. Then decide which of the two clusters you want.",
        )
    return tuple(_place_steps(progress, works)) if progress and progress.stage == "place" else ()


def resumable(wanted: Progress, works: Works) -> Progress | None:
    """The unfinished restore that goes on; None when one begins anew."""
    found = works.progress
    if not isinstance(found, Progress):
        return None
    if found.stage == "place":
        return found
    return found if (found.asked, found.boot) == (wanted.asked, wanted.boot) else None


def make_steps(progress: Progress, works: Works) -> Iterator[Step]:
    """The steps until the new cluster is whole and proven."""
    reached = STAGES.index(progress.stage)
    work: dict[Stage, tuple[Step, ...]] = {
        "fetch": tuple(FetchBackup(name) for name in progress.chain if name not in works.fetched),
        "build": (BuildCluster(progress.chain),),
        "log": (FetchLog(progress),),
        "prove": (Prove(progress),),
        "recover": (Recover(progress),),
        "settle": (Settle(progress),),
    }
    for number, (stage, steps) in enumerate(work.items()):
        if number >= reached:
            yield from steps
            yield Reach(STAGES[STAGES.index(stage) + 1])


def _place_steps(progress: Progress, works: Works) -> Iterator[Step]:
    """The steps until the new cluster is in its place and the old one is kept."""
    if progress.stage != "place" or works.built == progress.new:
        if works.placed is None:
            yield MoveIn()
        else:
            yield Exchange(progress.keep)
            yield KeepOld(progress.keep)
    elif works.placed != progress.new:
        raise UnfitError(
            "The restored data are neither in their place nor in the work folder: they were moved.",
            f"Put the folder with inode {progress.new} back where it was, or move the folder restore away.",
        )
    elif works.built is not None:
        yield KeepOld(progress.keep)
    yield KeepRest(progress.keep)
    yield Finish()
