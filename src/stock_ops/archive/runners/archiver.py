"""The continuous archive: the server's log goes into the spool and on into the storage, without a gap.

Whatever fails is tried again. While the storage is away the spool fills to its bound; then receiving pauses,
and the server keeps its log, up to the limit of its slot.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from stock_ops.archive.facts.spool import list_spool, written_bytes
from stock_ops.archive.facts.state import ArchiveState
from stock_ops.archive.plans.shipping import (
    QUIET_S,
    Sample,
    add_sample,
    forget_shipped,
    lag_s,
    may_receive,
    shipped_at,
    wants_switch,
)
from stock_ops.archive.plans.spool import Spooled, half_made, plan_start, spooled
from stock_ops.archive.runners.clock import steady_s
from stock_ops.archive.runners.part_memory import Remembered
from stock_ops.archive.runners.receiver import Receiver
from stock_ops.archive.runners.shipper import Shipper
from stock_ops.archive.runners.threads import in_thread
from stock_ops.archive.runners.troubles import Troubles
from stock_ops.archive.runners.wal_source import Reading, WalSource
from stock_ops.kit.errors import ArchiveError, ForeignStorageError, OpsError
from stock_ops.kit.layout import Layout
from stock_ops.storage.storage import StorageError, Traits
from stock_ops.storage.wal import format_lsn
from stock_ops.storage.writers import TwoWritersError

log = logging.getLogger("stockops.backup")

_POLL_S = 0.5
_OF_STORAGE = (StorageError, ForeignStorageError)
_FIRST_RETRY_S = 1.0
_LAST_RETRY_S = 30.0
_RECEIVE_AGAIN_S = 5.0
"""It costs next to nothing to look for a server that was away; what it writes meanwhile could be lost."""
_SERVER_AWAY_S = 10.0
"""At the end, a server that does not answer is waited for so long: it may be recovering from a crash."""


class Archiver:
    """`receive` and `ship` run until `finish` has ended them."""

    def __init__(
        self,
        layout: Layout,
        source: WalSource,
        receiver: Receiver,
        shipper: Shipper,
        troubles: Troubles,
        memory: Remembered,
        *,
        ship_s: float,
        limit_bytes: int,
    ) -> None:
        self._spool, self._source, self._receiver = layout.spool, source, receiver
        self._shipper, self._troubles, self._ship_s = shipper, troubles, ship_s
        self._memory, self._limit_bytes = memory, limit_bytes
        self._reading: Reading | None = None
        self._samples: tuple[Sample, ...] = ()
        self._shipped: int | None = None
        self._shipped_round = asyncio.Event()
        self._server_is_back = asyncio.Event()
        self._finishing = False
        self._all_received, self._has_ended = asyncio.Event(), asyncio.Event()
        self._rest_is_shipped = False
        self._retry_s, self._retry_at = 0.0, 0.0
        self._looked_s, self._looked_lsn = 0.0, 0

    @property
    def shipped_at(self) -> datetime | None:
        """What was committed before this time is in the storage."""
        return shipped_at(self._samples, self._shipped)

    @property
    def flushed(self) -> int | None:
        """How far the server had written when it was looked at last; None: not yet."""
        return self._reading.flushed if self._reading else None

    @property
    def shipped(self) -> int | None:
        """Everything before this is in the storage."""
        return self._shipped

    @property
    def holds_storage(self) -> bool:
        """Whether this instance has shown that the storage is its own, and nobody else came since."""
        return self._shipper.traits.keeps_first is not None and "writers" not in self._troubles.standing

    def tell_shipped(self, listener: Callable[[str], object]) -> None:
        """Have the name of each object told that was shipped."""
        self._shipper.listeners.append(listener)

    @property
    def traits(self) -> Traits:
        """The ways of the storage, as far as they have shown."""
        return self._shipper.traits

    def state(self) -> ArchiveState:
        """The archive now."""
        reading, at = self._reading, self.shipped_at
        slot = reading.slot if reading else None
        return ArchiveState(
            streaming=self._receiver.runs and reading is not None and reading.received is not None,
            shipped_lsn=format_lsn(self._shipped) if self._shipped else None,
            shipped_at=at.isoformat() if at else None,
            lag_s=lag_s(self._samples, self._shipped, steady_s()),
            slot_retained_bytes=reading.retained_bytes if reading else None,
            slot_limit_bytes=self._limit_bytes,
            spool_bytes=_size(self._spool_files()),
            wal_status=slot.wal_status if slot else None,
            failures=self._troubles.failures,
            last_error=self._troubles.last_error,
        )

    async def receive(self) -> None:
        """Have the log received, as long as the spool has room."""
        wait_s = _FIRST_RETRY_S
        while not self._finishing:
            began = steady_s()
            try:
                await self._receive()
                self._troubles.clear("receiving")
            except (OpsError, OSError) as error:
                self._troubles.note("receiving", _in_words(error))
            finally:
                await self._receiver.stop()
            lasted = steady_s() - began > _RECEIVE_AGAIN_S
            wait_s = _FIRST_RETRY_S if lasted else min(2 * wait_s, _RECEIVE_AGAIN_S)
            if await _is_set_within(wait_s, self._server_is_back):
                self._server_is_back.clear()

    async def ship(self) -> None:
        """Ship the received log, and read the position of the server."""
        is_last = False
        while not is_last:
            began = steady_s()
            await self._look()
            await self._ship_what_waits()
            self._shipped_round.set()
            await self._end_large_segment()
            rest_s = max(0.05, self._ship_s - (steady_s() - began))
            is_last = await _is_set_within(rest_s, self._all_received)
        self._rest_is_shipped = await self._ship_what_waits(at_once=True)
        self._has_ended.set()

    def remember(self, *, is_whole: bool = False) -> None:
        """Write down how far the storage is: a loss that is only found later is known to begin here.

        is_whole: the storage has everything, and the server writes no more.
        """
        at = self.shipped_at
        known = {"shipped_at": at} if at else {}
        try:
            self._memory.change(is_whole=is_whole, **known)
        except OpsError as error:
            self._troubles.note("memory", error)
        else:
            self._troubles.clear("memory")

    async def finish(self, limit_s: float) -> None:
        """Receive and ship the server's log up to now, then end; no longer than the limit."""
        self._server_is_back.set()
        is_whole = False
        try:
            async with asyncio.timeout(limit_s):
                is_received = await self._receive_rest()
                self._finishing = True
                await self._receiver.stop()
                self._all_received.set()
                await self._has_ended.wait()
                is_whole = is_received and self._rest_is_shipped
        except TimeoutError:
            log.warning("not all of the log could be shipped within %g s; the next start goes on", limit_s)
        finally:
            self.remember(is_whole=is_whole)
            await self._source.close()

    async def _receive(self) -> None:
        reading = await self._source.read()
        files = spooled(self._spool_files())
        start = plan_start(reading.timeline, reading.slot, files)
        if start.retire:
            await self._retire(start.retire)
        if start.drop_slot:
            await self._source.drop_slot()
        if start.create_slot:
            self._begin_anew()
            await self._source.create_slot()
        await self._wait_for_room()
        self._remove_half_made()
        await self._receiver.start()
        while may_receive(_size(self._spool_files()), receiving=True):
            if await self._receiver.ended(_POLL_S):
                if self._finishing:
                    return
                raise ArchiveError(f"pg_receivewal: {await self._receiver.stop()}", _SEE)
            if self._reading and self._reading.received is not None:
                self._troubles.clear("receiving")
        await self._receiver.stop()
        await self._wait_for_room()

    def _begin_anew(self) -> None:
        """A new slot may leave log out: new log says nothing about the log shipped before."""
        self.remember()
        self._samples, self._shipped = (), None

    async def _retire(self, files: tuple[Spooled, ...]) -> None:
        self._shipper.close(files)
        names = {one.name for one in files}
        while names & self._spool_files().keys():
            await self._next_round()
        self._shipper.close(())

    def _remove_half_made(self) -> None:
        """Only where nothing of the log is in it yet; the server still has what comes."""
        for path in map(self._spool.joinpath, half_made(self._spool_files())):
            if not written_bytes(path):
                path.unlink()

    async def _wait_for_room(self) -> None:
        while not may_receive(_size(self._spool_files()), receiving=False):
            await self._next_round()

    async def _next_round(self) -> None:
        """Wait until shipping has looked at the spool again."""
        self._shipped_round.clear()
        await self._shipped_round.wait()

    async def _look(self) -> None:
        try:
            reading = await self._source.read()
        except ArchiveError as error:
            self._troubles.note("server", error)
            self._reading = self._reading and replace(self._reading, received=None)
            return
        if "server" in self._troubles.standing:
            self._troubles.clear("server")
            self._server_is_back.set()
        if self._reading and self._reading.timeline != reading.timeline:
            self._shipped = None
        self._reading = reading
        self._samples = add_sample(self._samples, reading.flushed, steady_s(), datetime.now(UTC))

    async def _ship_what_waits(self, *, at_once: bool = False) -> bool:
        """Whether that succeeded."""
        reading = self._reading
        if reading is None or (steady_s() < self._retry_at and not at_once):
            return False
        try:
            waiting = self._shipper.waiting(at_once=at_once)
            if waiting.files:
                await self._ship(reading, waiting.files)
        except (OpsError, OSError) as error:
            trouble = _in_words(error)
            self._troubles.note(_place_of(trouble), trouble)
            self._retry_s = min(max(_FIRST_RETRY_S, 2 * self._retry_s), _LAST_RETRY_S)
            self._retry_at = steady_s() + self._retry_s
            return False
        self._retry_s = 0.0
        if waiting.files:
            for task in ("storage", "shipping", "writers"):
                self._troubles.clear(task)
        if waiting.is_all and reading.received is not None:
            self._shipped = max(self._shipped or 0, reading.received)
            self._samples = forget_shipped(self._samples, self._shipped)
        return True

    async def _ship(self, reading: Reading, files: tuple[Spooled, ...]) -> None:
        """Look at the server meanwhile: how far behind the storage is shows best while it is slow."""
        work = asyncio.create_task(in_thread(lambda: self._shipper.ship(reading, files)))
        while not (await asyncio.wait({work}, timeout=max(1.0, self._ship_s)))[0]:
            await self._look()
        await work

    async def _receive_rest(self) -> bool:
        """Wait until everything is received that the server has flushed by now, as long as there is hope."""
        began, end = steady_s(), None
        while self._has_room():
            await self._look()
            if self._reading and "server" not in self._troubles.standing:
                end = end or self._reading.flushed
                if (self._reading.received or 0) >= end:
                    return True
            elif steady_s() - began > _SERVER_AWAY_S:
                break
            await asyncio.sleep(_POLL_S / 2)
        return False

    def _has_room(self) -> bool:
        """Whether the spool takes more log, or will once some of it is shipped."""
        return (
            may_receive(_size(self._spool_files()), receiving=True)
            or "storage" not in self._troubles.standing
        )

    async def _end_large_segment(self) -> None:
        """An idle server shall not have the same megabytes shipped again and again."""
        now, reading = steady_s(), self._reading
        if reading is None or now - self._looked_s < QUIET_S:
            return
        grown, is_first = reading.flushed - self._looked_lsn, not self._looked_s
        self._looked_s, self._looked_lsn = now, reading.flushed
        if is_first or not wants_switch(self._shipper.newest_bytes, grown):
            return
        try:
            await self._source.begin_segment()
        except ArchiveError as error:
            self._troubles.note("server", error)

    def _spool_files(self) -> dict[str, int]:
        return list_spool(self._spool)


async def _is_set_within(limit_s: float, event: asyncio.Event) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), limit_s)
    return event.is_set()


def _place_of(trouble: OpsError) -> str:
    if isinstance(trouble, TwoWritersError):
        return "writers"
    return "storage" if isinstance(trouble, _OF_STORAGE) else "shipping"


def _size(files: dict[str, int]) -> int:
    return sum(files.values())


def _in_words(error: OpsError | OSError) -> OpsError:
    if isinstance(error, OpsError):
        return error
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return ArchiveError(f"The spool of the log fails: {what}.", "Check that disk; nothing was lost.")


_SEE = "`stockops logs backup` says more; it is tried again."
