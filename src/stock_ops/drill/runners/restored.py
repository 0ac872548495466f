"""The checks of a drill on restored data, once their database runs: charts, structure, soundness."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import asyncpg

from stock_ops.archive.facts.server import read_address
from stock_ops.backup.runners.content import measure_structure, read_schema_version
from stock_ops.drill.facts.charts import Address, Chart, NoAnswerError, ask_chart, find_chart
from stock_ops.drill.plans.charts import refuse_other, refuse_wrong
from stock_ops.drill.runners.ground import Ground
from stock_ops.drill.runners.journal import Found
from stock_ops.drill.runners.platform import platform_settings, serving
from stock_ops.drill.runners.rows import has_bars, read_rows
from stock_ops.drill.runners.soundness import prove_constraints, prove_indexes
from stock_ops.kit.errors import UnsoundDataError
from stock_ops.kit.files import write_whole
from stock_ops.kit.layout import LOOPBACK
from stock_ops.kit.wanted import NewFile
from stock_ops.local.facts.observe import live_host
from stock_ops.local.facts.ports import free_ports
from stock_ops.local.runners.roles import make_roles
from stock_ops.restore.runners.scratch import PORT, ScratchServer
from stock_ops.storage.manifest import Manifest

T = TypeVar("T")

_BEAT = "SELECT beat_at FROM ops_heartbeat"


def check_read_paths(ground: Ground, work: Path, server: ScratchServer, drawn: Callable[[], object]) -> Found:
    """Start the platform on the restored data, and ask it for a chart.

    drawn: called as soon as a correct answer was given.
    Raises PartError when it does not start or answer, UnsoundDataError for a chart that is not right.
    """
    free = free_ports(LOOPBACK, 2)
    address, config = Address(LOOPBACK, free[0]), work / "platform.toml"
    write_whole(NewFile(config, platform_settings(server.host, PORT, address.port, free[1])))
    ask(server, lambda connection: make_roles(connection, {}))  # a backup of an earlier release has not all
    with serving(ground.tools.programs, config, work / "platform.log", address):
        question = find_chart(address)
        if question is None:
            return _without_bars(server, drawn)
        chart = ask_chart(address, question)
        refuse_wrong(chart, ask(server, lambda connection: read_rows(connection, question)))
        drawn()
    live = _compare_live(ground, chart)
    words = f"{question.symbol}, {len(chart.bars):,} bars and an indicator, as in the database; {live}"
    return Found(words, {"bars": len(chart.bars)})


def read_beat(server: ScratchServer) -> datetime | None:
    """The newest heartbeat that was recovered."""
    found: datetime | None = ask(server, lambda connection: connection.fetchval(_BEAT))
    return found


def check_structure(ground: Ground, backup: Manifest, server: ScratchServer) -> Found:
    """Compare with the manifest; changes since the backup must be as in the live database.

    Raises UnsoundDataError.
    """
    version, structure = ask(server, _structure)
    live = asyncio.run(_live_structure(ground))
    wanted = {(backup.schema_version, backup.structure_sha256), live}
    if (version, structure) not in wanted:
        raise UnsoundDataError(
            f"Tables, indexes or views (schema {version}) are neither as when {backup.id} was made "
            f"(schema {backup.schema_version}) nor as in the live database (schema {live[0]}).",
            "Look for changes that were made by hand; then take a full backup: stockops backup create --full",
        )
    return Found(f"schema {version}, as this release makes it", {"schema": version})


def check_constraints(server: ScratchServer) -> Found:
    """Have the server prove each of them anew. Raises UnsoundDataError."""
    count = ask(server, prove_constraints)
    return Found(f"{count} checks and foreign keys, each proven anew", {"constraints": count})


def check_indexes(server: ScratchServer) -> Found:
    """Look for every row in every index. Raises UnsoundDataError."""
    proven = asyncio.run(prove_indexes(server.connect))
    words = f"{proven.indexes} indexes and {proven.tables} tables, the system's own included"
    return Found(words, {"indexes": proven.indexes, "tables": proven.tables})


def ask(server: ScratchServer, question: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    """Ask a question on a connection of its own."""

    async def run() -> T:
        connection = await server.connect()
        try:
            return await question(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def _without_bars(server: ScratchServer, drawn: Callable[[], object]) -> Found:
    if ask(server, has_bars):
        why = "The database has bars, but the platform lists no instrument that has any."
        raise UnsoundDataError(why, "Report this with the drill's journal.")
    drawn()
    return Found("the platform answers; there are no bars to draw", {"bars": 0})


def _compare_live(ground: Ground, chart: Chart) -> str:
    """The chart of the live platform. Raises UnsoundDataError where it draws the same bars in another way."""
    if ground.port is None:
        return "there is no live platform to compare with"
    try:
        live = ask_chart(Address(live_host(ground.facts), ground.port), chart.question)
    except NoAnswerError as error:
        return f"not compared with the live one ({error.reason})"
    same = refuse_other(chart, live)
    return "the live platform draws the same" if same else "not compared with the live one, which has changed"


async def _structure(connection: asyncpg.Connection) -> tuple[int, str]:
    return await read_schema_version(connection), await measure_structure(connection)


async def _live_structure(ground: Ground) -> tuple[int, str]:
    connection = await read_address(ground.layout).connect()
    try:
        return await _structure(connection)
    finally:
        await connection.close()
