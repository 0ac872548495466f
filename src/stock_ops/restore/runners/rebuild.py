"""From the fetched files to a running cluster: combine, prove against the manifest, recover."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stock_ops.backup.runners.content import (
    Connect,
    measure_content,
    measure_structure,
    read_extensions,
    read_schema_version,
)
from stock_ops.kit.commands import run_to_end
from stock_ops.kit.errors import DamagedBackupError, MissingWalError, OpsError, OutOfReachError, PartError
from stock_ops.kit.files import make_folder, remove, write_whole
from stock_ops.kit.wanted import NewFile, NewFolder
from stock_ops.restore.facts.progress import Progress, Target, chain_folder, cluster_folder, log_folder
from stock_ops.restore.plans.comparison import Measured, differences
from stock_ops.restore.runners.disarm import disarm_files
from stock_ops.restore.runners.fetch import OTHER, Advance, Workshop, verify_files
from stock_ops.restore.runners.scratch import Place, ScratchError, ScratchServer, scratch_server
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.timelines import Held, way_to
from stock_ops.storage.wal import SEGMENT_BYTES, format_lsn, number_of

_AT_MARK = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
_IS_WRITABLE = "SELECT NOT pg_is_in_recovery()"
_MOST_NAMED = 5
_LIMITS = {
    "max_connections": "max_connections setting",
    "max_worker_processes": "max_worker_processes setting",
    "max_wal_senders": "max_wal_senders setting",
    "max_prepared_transactions": "max_prepared_xacts setting",
    "max_locks_per_transaction": "max_locks_per_xact setting",
}
"""What a server that reads while it recovers must have as the one had that wrote the log; and where
pg_controldata tells it."""
_ENDED = "recovery ended before configured recovery target was reached"
_TO_THE_END = "no recovery target specified"
_LAST = re.compile(r"last completed transaction was at log time (.+)")


def build_cluster(shop: Workshop) -> None:
    """Make one cluster of the chain; it has its name only once it is whole, with no settings in force.

    Raises DamagedBackupError.
    """
    final, first = cluster_folder(shop.work), chain_folder(shop.work) / shop.chain[0].id
    if final.exists():
        return
    if len(shop.chain) == 1:
        disarm_files(first, shop.place.account)
        first.rename(final)
        return
    unfinished = final.with_name(f"{final.name}.new")
    remove(unfinished)
    make_folder(NewFolder(unfinished, 0o700, shop.place.account))
    _combine(shop, unfinished)
    verify_files(shop, unfinished, f"{shop.chain[-1].id}, combined,")
    disarm_files(unfinished, shop.place.account)
    unfinished.rename(final)


def prove(shop: Workshop, wal: tuple[Held, ...], timeline: int, advance: Advance) -> Measured:
    """Recover to the mark of the newest backup of the chain, and compare the content with its manifest.

    The cluster is left there, still in recovery. Raises DamagedBackupError naming each table that differs.
    """
    manifest, limits = shop.chain[-1], _limits(shop.place)
    target = {"recovery_target_name": manifest.mark.name, "recovery_target_action": "pause"}
    with _recovering(shop, timeline, {"hot_standby": "on", **limits, **target}) as server:
        try:
            _follow(server, _AT_MARK, wal, advance)
        except ScratchError as error:
            raise _explained(error, Target("mark", manifest.mark.name)) from error
        measured = asyncio.run(measure(server.connect))
    compare(manifest, measured)
    return measured


def compare(manifest: Manifest, measured: Measured) -> None:
    """Raise DamagedBackupError naming each table that is not as it was backed up."""
    found = differences(manifest, measured)
    if found:
        told = "; ".join([*found[:_MOST_NAMED], *(["and others"] if len(found) > _MOST_NAMED else [])])
        raise DamagedBackupError(f"{manifest.id} does not match its manifest when restored: {told}.", OTHER)


def recover(shop: Workshop, progress: Progress, advance: Advance) -> None:
    """Go on to the target and become writable, on a new timeline. One that is there already stays as it is.

    Where the log has no commit after a time, its end is that time.
    Raises OutOfReachError when the log ends before the target, MissingWalError when it cannot be read on.
    """
    if _timeline(shop.place) <= progress.timeline and not _reach(shop, progress, progress.target, advance):
        _reach(shop, progress, Target("latest"), advance)
    _refuse_short(shop.place, progress.wal)


def _reach(shop: Workshop, progress: Progress, target: Target, advance: Advance) -> bool:
    """False: the log ended before a target that its end will do for."""
    options = {"hot_standby": "off", **_target(target)}
    with _recovering(shop, progress.timeline, options) as server:
        try:
            _follow(server, _IS_WRITABLE, progress.wal, advance)
        except ScratchError as error:
            if _ENDED in error.log and progress.end_is_target:
                return False
            raise _explained(error, target) from error
    return True


def _combine(shop: Workshop, output: Path) -> None:
    """Files that did not change are linked: that takes no room, and the chain is not used again."""
    place, folder = shop.place, chain_folder(shop.work)
    command: list[str | Path] = [
        place.binaries / "pg_combinebackup",
        "--link",
        "--no-sync",
        f"--output={output}",
    ]
    command += [folder / manifest.id for manifest in shop.chain]
    try:
        run_to_end(place.programs, command, what="pg_combinebackup", user=place.account)
    except PartError as error:
        raise DamagedBackupError(
            f"The chain of {shop.chain[-1].id} does not fit: {error.why}", OTHER
        ) from error


@contextmanager
def _recovering(shop: Workshop, timeline: int, options: Mapping[str, str]) -> Iterator[ScratchServer]:
    """The cluster while it recovers along a timeline, from the log that was fetched."""
    place = shop.place
    write_whole(NewFile(place.cluster / "recovery.signal", "", place.account))
    log = str(log_folder(shop.work)).replace("%", "%%")
    own = {"restore_command": f'cp "{log}/%f" "%p"', "recovery_target_timeline": f"{timeline}"}
    none = {name: "" for name in _TARGETS if name not in options}
    with scratch_server(place, {**none, **own, **options}) as server:
        yield server


_TARGETS = tuple(f"recovery_target{what}" for what in ("", "_lsn", "_name", "_time", "_xid"))
"""The cluster's own settings may have one left from an older recovery; the server takes one at most, and
refuses to clear another after it."""


def _target(target: Target) -> dict[str, str]:
    action = {"recovery_target_action": "promote"}
    match target.kind:
        case "time":
            return {"recovery_target_time": target.value, **action}
        case "mark":
            return {"recovery_target_name": target.value, **action}
    return action


def _follow(server: ScratchServer, question: str, wal: tuple[Held, ...], advance: Advance) -> None:
    """Wait until the answer is yes, and tell how much of the log was read."""

    def is_there() -> bool:
        advance(server.log.count("restored log file") * SEGMENT_BYTES, len(wal) * SEGMENT_BYTES)
        return bool(server.ask(question))

    server.wait_until(is_there)


async def measure(connect: Connect) -> Measured:
    """Everything that a manifest tells of a database."""
    content = await measure_content(connect)
    connection = await connect()
    try:
        return Measured(
            content,
            await measure_structure(connection),
            await read_schema_version(connection),
            await read_extensions(connection),
        )
    finally:
        await connection.close()


def _explained(error: ScratchError, target: Target) -> OpsError:
    if _ENDED not in error.log:
        return error
    last = _LAST.findall(error.log)
    possible = (
        f"The last transaction before it is of {last[-1]}." if last else "No transaction lies before it."
    )
    todo = f'The last moment that can be reached: stockops restore --time "{last[-1]}"' if last else OTHER
    return OutOfReachError(f"The log cannot be read up to the {target}. {possible}", todo)


def _refuse_short(place: Place, wal: tuple[Held, ...]) -> None:
    """Nothing tells that a log ends, or that it cannot be read on; but whole segments are not its end.

    Only where the recovery was to go to that end, as the history of the new timeline says.
    """
    whole = [number_of(held.name) for held in wal if not held.partial]
    timeline = _timeline(place)
    history = (place.cluster / "pg_wal" / f"{timeline:08X}.history").read_text(encoding="ascii")
    *_, left, begun = way_to(timeline, history)
    reached = begun.begin
    if left.why == _TO_THE_END and whole and reached // SEGMENT_BYTES < whole[-1]:
        raise MissingWalError(
            f"The log cannot be read beyond {format_lsn(reached)}, although there is more of it.",
            "Use another copy of the storage (--storage), or name a time before that (--time).",
        )


def _limits(place: Place) -> dict[str, str]:
    control = _control(place)
    return {name: control[told] for name, told in _LIMITS.items()}


def _timeline(place: Place) -> int:
    """Of the last checkpoint: a later one than was recovered along once the cluster is writable."""
    return int(_control(place)["Latest checkpoint's TimeLineID"])


def _control(place: Place) -> dict[str, str]:
    command: list[str | Path] = [place.binaries / "pg_controldata", "-D", place.cluster]
    text = run_to_end(place.programs, command, what="pg_controldata", user=place.account)
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
