"""`stockops move`: take an instance to another target, behind a backup, with its content compared."""

from typing import Annotated

import typer

from stock_ops.compose.cli.platform import stack_of, work_of
from stock_ops.kit.errors import ConflictingSettingsError, FolderError, NotConfirmedError
from stock_ops.kit.files import write_whole
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.signals import signals_interrupt
from stock_ops.kit.target import COMPOSE, LOCAL, TARGETS, read_target
from stock_ops.kit.verbs import Data, DryRun, Json, Port, Yes, confirmed, layout_of, locked, run_verb
from stock_ops.kit.wanted import NewFile
from stock_ops.move.plans import BEATS, refuse_changed, refuse_other
from stock_ops.move.runners import (
    ComposeSide,
    LocalSide,
    Side,
    back_up,
    carry,
    enabled_backups,
    measure,
)

_STEPS = (
    ("Stop", "what answers requests at the origin; its data stay as they are"),
    ("Backup", "a full one of the origin"),
    ("Measure", "rows and checksum of every table of the origin"),
    ("Servers", "the other side's, with the newest schema"),
    ("Load", "all rows of the origin into the other side's emptied tables"),
    ("Compare", "every table of both sides"),
    ("Switch", "the data folder remembers the other target"),
)


def move(
    to: Annotated[str, typer.Option(help=f"{' or '.join(TARGETS)}.")],
    data: Data = None,
    port: Port = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take the instance to another target, through a backup; each table is compared before the switch."""
    if to not in TARGETS:
        raise typer.BadParameter(
            f"there is no target {to!r}; there are {', '.join(TARGETS)}", param_hint="--to"
        )
    run_verb("move", as_json, lambda report: _move(layout_of(data), to, port, report, dry_run, yes))


def _move(layout: Layout, to: str, port: int | None, report: Report, dry_run: bool, yes: bool) -> int:
    origin, other = _sides(layout, to, port)
    if origin is None or other is None:
        report.result(
            "move", [("Move", f"no changes: it runs on {to} already")], {"changed": False, "to": to}
        )
        return 0
    if dry_run:
        report.plan("move", _STEPS)
        return 0
    question = (
        f"Move {layout.root} from {origin.name} to {to}? What {to} holds from an earlier stay is replaced."
    )
    if not confirmed(question, yes=yes):
        raise NotConfirmedError("a move")
    with locked(layout, "move"), signals_interrupt():
        found = _carry_over(layout, origin, other, report)
    lines = [
        ("Moved", f"to {to}: {found['rows']:,} rows in {found['tables']} tables, each compared"),
        ("Backup", f"{found['backup']}, of the origin"),
        ("Next", f"stockops up --data {layout.root}"),
        ("Origin", f"its data are kept until a move back replaces them ({origin.name})"),
    ]
    report.result("move", lines, {"changed": True, "from": origin.name, "to": to, **found})
    return 0


def _sides(layout: Layout, to: str, port: int | None) -> tuple[Side | None, Side | None]:
    """From where, and where to. Raises OpsError for what would be in the way, before anything is touched."""
    at = read_target(layout)
    if at is None:
        raise FolderError(
            f"{layout.root} was never started.", "Start it there at once: stockops --target compose up"
        )
    if at == to:
        return None, None
    if not enabled_backups(layout):
        raise ConflictingSettingsError(
            "The backups are turned off (enabled = false in backup.toml); a move goes through one.",
            "Turn them on there, then: stockops up",
        )
    containers = ComposeSide(work_of(stack_of(layout), port if to == COMPOSE else None))
    here = LocalSide(layout, port if to == LOCAL else None)
    return (here, containers) if to == COMPOSE else (containers, here)


def _carry_over(layout: Layout, origin: Side, other: Side, report: Report) -> dict[str, object]:
    """The whole move. The target is switched by one file that is written whole; then the origin is stopped.

    Whatever ends it before leaves the origin the instance, with its data untouched: `stockops up` starts it
    again, and the same command moves it from the beginning.
    """
    pepper = origin.pepper()
    origin.stop_writers(report)
    with report.step(*_STEPS[1], quiet=False):
        backup = back_up(origin)
    with report.step(*_STEPS[2], quiet=False):
        before = measure(origin)
    other.start_servers(report)
    with report.step(*_STEPS[4], quiet=False):
        carry(origin, other)
    with report.step(*_STEPS[5], quiet=False):
        copy = measure(other)
        refuse_other(before, copy)
        refuse_changed(before, measure(origin))
    if pepper:
        other.keep_pepper(pepper)
    with report.step(*_STEPS[6], quiet=False):
        write_whole(NewFile(layout.target, f"{other.name}\n"))
    origin.stop_all(report)
    tables = {table: one for table, one in before.items() if table != BEATS}
    return {"backup": backup, "tables": len(tables), "rows": sum(rows for rows, _ in tables.values())}
