"""Make one backup: its steps in order, and nothing left of it when it cannot be finished."""

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import asyncpg

from stock_ops.archive.facts.server import Address, database_words, read_servants
from stock_ops.archive.facts.state import wait_until_shipped
from stock_ops.archive.runners.lease import refuse_unless_held
from stock_ops.backup.facts.creation import CreationFacts
from stock_ops.backup.plans.creation import BackupPlan, ClearLeftovers, Step
from stock_ops.backup.plans.shrinkage import find_losses
from stock_ops.backup.runners.base_backup import Base, take_base
from stock_ops.backup.runners.beside import Beside, loop_beside
from stock_ops.backup.runners.content import (
    measure_content,
    measure_structure,
    read_extensions,
    read_schema_version,
)
from stock_ops.backup.runners.dump import take_dump
from stock_ops.backup.runners.leftovers import clear_leftovers, forget_manifests, take_back
from stock_ops.backup.runners.mark import HeldMark, hold_mark
from stock_ops.backup.runners.streams import Positions, opened, read_keys, read_positions
from stock_ops.kit.errors import OpsError, PartError, StoppedByUserError
from stock_ops.kit.priority import first_again, give_way
from stock_ops.kit.report import Report
from stock_ops.kit.signals import signals_interrupt, signals_wait
from stock_ops.kit.verdict import Finding
from stock_ops.local.facts.structure import Structure, expected_structure, read_structure
from stock_ops.storage.envelope import LEVEL, store
from stock_ops.storage.known import remember
from stock_ops.storage.ledger import add_entry
from stock_ops.storage.manifest import Manifest, StoredPart, TableContent, dump_manifest, stored_part
from stock_ops.storage.objects import manifest_of, valkey_of
from stock_ops.storage.owner import claim
from stock_ops.storage.storage import write_once
from stock_ops.storage.streams import dump_streams
from stock_ops.storage.wal import parse_lsn, segment_at, segment_before

_SHIPPING_S = 600.0
"""The log of a whole backup may have to go over a slow line."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new backup, and its notes for people."""

    manifest: Manifest
    held_off_s: float
    """How long writers were held off for the mark."""
    cache_flaw: OpsError | None
    """Why nothing of Valkey is in it."""
    findings: tuple[Finding, ...] = ()
    """What the live database lacks: pieces of its structure, rows that the backups before had."""


def make_backup(plan: BackupPlan, facts: CreationFacts, report: Report, *, gives_way: bool = False) -> Made:
    """Do the steps of the plan. Only for the holder of the lock of the backups.

    gives_way: all work but the mark has less priority than what answers requests, the server's too; so has
    this thread from then on. The mark has not, for others wait for it.
    Raises PartError, StorageError, ForeignStorageError, ArchiveError, StoppedByUserError: then there is none.
    """
    steps = _Steps(report)
    with signals_interrupt(), loop_beside() as loop:
        slow = give_way if gives_way else _keep_pace
        slow(0)
        try:
            return _make(plan, facts, steps, loop, slow)
        except BaseException as error:
            with signals_wait(), first_again(), contextlib.suppress(OpsError):
                take_back(facts.layout, facts.storage, plan.backup)
            if isinstance(error, KeyboardInterrupt):
                raise StoppedByUserError(
                    steps.current, "There is no new backup; the others are kept."
                ) from error
            raise


_Slow = Callable[[int], None]
"""Slows a process down; 0: this one."""


def _keep_pace(pid: int) -> None:
    """Nobody is slowed down."""


class _Steps:
    """Tells each step as it is done."""

    def __init__(self, report: Report) -> None:
        self._report, self.current = report, "the backup"

    @contextlib.contextmanager
    def __call__(self, step: Step) -> Iterator[None]:
        self.current = step.title
        with self._report.step(step.title, step.detail, quiet=step in _QUIET):
            yield

    def advance(self, done_bytes: int, total_bytes: int | None = None) -> None:
        """How far the step has come."""
        self._report.advance(done_bytes, total_bytes)


_QUIET = (ClearLeftovers(),)


@dataclass(frozen=True, slots=True)
class _Streams:
    """The data of Valkey in the backup."""

    part: StoredPart | None
    keys: int = 0
    flaw: OpsError | None = None


@dataclass(frozen=True, slots=True)
class _AtMark:
    """Everything measured and copied at the mark."""

    held: HeldMark
    streams: _Streams
    content: tuple[TableContent, ...]
    structure: str
    schema_version: int
    extensions: dict[str, str]
    dump: StoredPart | None
    pieces: Structure


def _make(plan: BackupPlan, facts: CreationFacts, steps: _Steps, loop: Beside, slow: _Slow) -> Made:
    with steps(plan.claim):
        claim(facts.storage, facts.server.system_identifier, facts.recipient)
        refuse_unless_held(facts.layout, facts.storage)
        remember(facts.layout, facts.storage)
    with steps(plan.clear):
        clear_leftovers(facts.storage, facts.contents)
    with steps(plan.base):
        copying = _Copying(steps, plan.base.total_bytes, partial(_slow_servants, facts, loop, slow))
        base = take_base(facts, plan.backup, plan.choice.parent, copying)
    at_mark = _take_at_mark(plan, facts, steps, loop, slow)
    manifest = _manifest(plan, facts, base, at_mark)
    with steps(plan.log):
        start, mark = parse_lsn(manifest.start_lsn), parse_lsn(manifest.mark.lsn)
        wait_until_shipped(facts.storage, mark, _SHIPPING_S, timeline=manifest.timeline, start_lsn=start)
    with steps(plan.manifest):
        refuse_unless_held(facts.layout, facts.storage)
        write_once(facts.storage, manifest_of(plan.backup), dump_manifest(manifest))
        remember(facts.layout, facts.storage, add_entry(facts.storage))
        forget_manifests(facts.layout, {plan.backup, *(one.id for one in facts.contents.archive.backups)})
    findings = find_losses([*facts.contents.archive.backups, manifest], at_mark.pieces, expected_structure())
    return Made(manifest, at_mark.held.held_off_s, at_mark.streams.flaw, findings)


class _Copying:
    """Tells how far a copy has come; the server's side of it is slowed down with its first bytes."""

    def __init__(self, steps: _Steps, total_bytes: int | None, begin: Callable[[], None]) -> None:
        self._steps, self._total_bytes, self._begin = steps, total_bytes, [begin]

    def __call__(self, came: int) -> None:
        """So many bytes have come."""
        if self._begin:
            self._begin.pop()()
        self._steps.advance(came, self._total_bytes)


def _slow_servants(facts: CreationFacts, loop: Beside, slow: _Slow) -> None:
    """A server that has no room for one more question is asked for nothing; the copy goes on."""
    with contextlib.suppress(PartError), database_words("The backup"):
        for pid in loop.run(read_servants, facts.address):
            slow(pid)


async def _connect(address: Address, slow: _Slow) -> asyncpg.Connection:
    connection = await address.connect()
    slow(connection.get_server_pid())
    return connection


def _take_at_mark(
    plan: BackupPlan, facts: CreationFacts, steps: _Steps, loop: Beside, slow: _Slow
) -> _AtMark:
    """Set the mark, and take everything that belongs to its snapshot while that is held."""
    with _held(loop) as stack:
        with steps(plan.mark), database_words("The mark"), first_again():
            positions = _positions(facts)
            held = loop.run(stack.enter_async_context, hold_mark(facts.address, plan.mark.name))
        with steps(plan.streams):
            streams = _keep_streams(plan, facts, positions)
        with steps(plan.measure), database_words("The measure of the content"):
            content = loop.run(measure_content, partial(_connect, facts.address, slow), held.snapshot)
            structure = loop.run(measure_structure, held.holder)
            schema_version = loop.run(read_schema_version, held.holder)
            extensions = loop.run(read_extensions, held.holder)
            pieces = loop.run(read_structure, held.holder)
        dump = None
        if plan.dump:
            with steps(plan.dump):
                copying = _Copying(steps, None, partial(_slow_servants, facts, loop, slow))
                dump = take_dump(facts, plan.backup, held.snapshot, copying)
    return _AtMark(held, streams, content, structure, schema_version, extensions, dump, pieces)


@contextlib.contextmanager
def _held(loop: Beside) -> Iterator[contextlib.AsyncExitStack]:
    """Contexts of the loop that last longer than one of its runs."""
    stack = contextlib.AsyncExitStack()
    try:
        yield stack
    finally:
        loop.run(stack.aclose)


def _positions(facts: CreationFacts) -> Positions | OpsError:
    try:
        with opened(facts.cache) as client:
            return read_positions(client)
    except PartError as error:
        return error


def _keep_streams(plan: BackupPlan, facts: CreationFacts, positions: Positions | OpsError) -> _Streams:
    """A Valkey that is down stops no backup: the backup says that its data are missing."""
    if isinstance(positions, OpsError):
        return _Streams(None, flaw=positions)
    try:
        with opened(facts.cache) as client:
            keys = read_keys(client, positions)
    except PartError as error:
        return _Streams(None, flaw=error)
    name = valkey_of(plan.backup)
    sealed = store(facts.storage, name, io.BytesIO(dump_streams(keys)), facts.recipient)
    return _Streams(stored_part("valkey", name, sealed), len(keys))


def _manifest(plan: BackupPlan, facts: CreationFacts, base: Base, at_mark: _AtMark) -> Manifest:
    mark, timeline = at_mark.held.mark, base.manifest.timeline
    parts = (base.part, at_mark.dump, at_mark.streams.part)
    return Manifest(
        id=plan.backup,
        kind=plan.choice.kind,
        parent=plan.choice.parent.id if plan.choice.parent else None,
        system_identifier=base.manifest.system_identifier,
        timeline=timeline,
        start_lsn=base.manifest.start_lsn,
        stop_lsn=base.manifest.stop_lsn,
        mark=mark,
        first_segment=segment_at(timeline, parse_lsn(base.manifest.start_lsn)),
        last_segment=segment_before(timeline, parse_lsn(mark.lsn)),
        started_at=facts.now,
        finished_at=datetime.now(UTC),
        duration_s=round(base.duration_s, 3),
        postgresql=facts.server.version,
        schema_version=at_mark.schema_version,
        extensions=at_mark.extensions,
        structure_sha256=at_mark.structure,
        content=at_mark.content,
        parts=tuple(part for part in parts if part),
        valkey_keys=at_mark.streams.keys,
        compression_level=LEVEL,
    )
