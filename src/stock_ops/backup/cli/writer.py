"""`stockops backup writer`: who writes to the storage, and what becomes of a copy of a data folder."""

import re
from dataclasses import replace
from pathlib import Path

from stock_ops.archive.facts.identity import read_identity_of
from stock_ops.archive.runners.lease import explain_copy, find_other_writer, forget, take_over
from stock_ops.kit.backup_settings import BackupSettings, read_backup_settings, settings_of_copy
from stock_ops.kit.errors import FolderError, NotConfirmedError, OpsError
from stock_ops.kit.files import write_whole
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import Data, Json, Yes, backups_locked, confirmed, layout_of, run_verb
from stock_ops.kit.wanted import NewFile
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.owner import Owner, read_owner, refuse_other_copy
from stock_ops.storage.storage import Storage, write_bytes
from stock_ops.storage.writers import Writer, dump_writer, newest_writer, writer_object

_LINE = re.compile(r"^(storage|enabled)\s*=.*$", re.MULTILINE)


def show(data: Data = None, as_json: Json = False) -> None:
    """Show who writes to the storage, and whether that is this data folder."""
    run_verb("backup writer show", as_json, lambda report: _show(layout_of(data), report))


def take_over_storage(data: Data = None, yes: Yes = False, as_json: Json = False) -> None:
    """Write to the storage from here on; whoever wrote there before stops within seconds."""
    run_verb("backup writer take-over", as_json, lambda report: _take_over(layout_of(data), report, yes=yes))


def begin_line(data: Data = None, yes: Yes = False, as_json: Json = False) -> None:
    """Write to a new storage beside the old one, which stays the other instance's."""
    run_verb("backup writer new-line", as_json, lambda report: _begin(layout_of(data), report, yes=yes))


def stop(data: Data = None, yes: Yes = False, as_json: Json = False) -> None:
    """Make no backups of this data folder any more."""
    run_verb("backup writer stop", as_json, lambda report: _stop(layout_of(data), report, yes=yes))


def _show(layout: Layout, report: Report) -> int:
    settings = read_backup_settings(layout)
    storage = open_storage(layout, settings)
    holder, mine = newest_writer(storage), read_identity_of(layout)
    trouble = find_other_writer(layout, storage)
    lines = [("Storage", storage.where), ("Writer", _told(holder))]
    here = f"instance {mine.instance[:8]}" if mine else "which never wrote"
    lines.append(("Here", f"{layout.root}, {here}"))
    if trouble:
        lines += [("Warning", trouble.why), ("To do", trouble.todo)]
    told = {"where": storage.where, "writer": _data(holder), "held_here": trouble is None}
    report.result("backup writer show", lines, {"changed": False, **told})
    return 0


def _take_over(layout: Layout, report: Report, *, yes: bool) -> int:
    settings = read_backup_settings(layout)
    storage = open_storage(layout, settings)
    holder = newest_writer(storage)
    question = f"{storage.where} is held by {_told(holder)}. Take it over for {layout.root}? That one stops."
    if not confirmed(question, yes=yes):
        raise NotConfirmedError("taking a storage over")
    with backups_locked(layout, "backup writer take-over", report):
        before, now = take_over(layout, storage)
    lines = [
        ("Writer", f"{now}, epoch {now.epoch}"),
        ("Before", _told(before)),
        *_take_copies_over(layout, settings, now),
        (
            "Next",
            "within a minute the log goes on; then: stockops backup create --full",
        ),
    ]
    report.result("backup writer take-over", lines, _change(now, before))
    return 0


def _take_copies_over(layout: Layout, settings: BackupSettings, writer: Writer) -> list[tuple[str, str]]:
    """The entry goes to each copy; one that is away, or of another storage, is told."""
    lines = []
    for one in settings.copy:
        try:
            first = read_owner(open_storage(layout, settings))
            copy = open_storage(layout, settings_of_copy(settings, one.name))
            lines.append(("Copy", f"{one.name}: {_take_copy_over(copy, first, writer)}"))
        except OpsError as error:
            lines.append(("Copy", f"{one.name}: not taken over. {error.why} {error.todo}"))
    return lines


def _take_copy_over(copy: Storage, first: Owner | None, writer: Writer) -> str:
    there = read_owner(copy)
    if there is None or first is None:
        return "nothing is there yet"
    refuse_other_copy(copy, there, first)
    write_bytes(copy, writer_object(writer.epoch), dump_writer(writer))
    holder = newest_writer(copy)
    if holder and holder.epoch > writer.epoch:
        raise explain_copy(copy.where, holder, writer)
    return "taken over"


def _begin(layout: Layout, report: Report, *, yes: bool) -> int:
    settings = read_backup_settings(layout)
    place = _beside(layout, settings)
    if not confirmed(f"Make the backups of {layout.root} in {place} from now on?", yes=yes):
        raise NotConfirmedError("a new storage")
    with backups_locked(layout, "backup writer new-line", report):
        _set(layout, "storage", f'"{place}"')
        forget(layout)
    lines = [
        ("Storage", place),
        ("Before", f"{settings.storage}, which stays as it is"),
        (
            "Next",
            "the first full backup follows by itself after: stockops up",
        ),
    ]
    report.result("backup writer new-line", lines, {"changed": True, "storage": place})
    return 0


def _stop(layout: Layout, report: Report, *, yes: bool) -> int:
    if not confirmed(f"Make no backups of {layout.root} any more?", yes=yes):
        raise NotConfirmedError("an end of the backups")
    with backups_locked(layout, "backup writer stop", report):
        _set(layout, "enabled", "false")
        forget(layout)
    lines = [
        ("Backups", f"off: enabled = false in {layout.backup_settings}"),
        ("Next", "stockops up"),
    ]
    report.result("backup writer stop", lines, {"changed": True})
    return 0


def _beside(layout: Layout, settings: BackupSettings) -> str:
    """A place that nothing lies in yet."""
    for number in range(2, 100):
        place = f"{settings.storage.rstrip('/')}-{number}"
        if not settings.is_s3 and Path(place).exists():
            continue
        storage = open_storage(layout, replace(settings, storage=place))
        if next(iter(storage.list()), None) is None:
            return place
    raise FolderError(
        f"There are 98 storages beside {settings.storage}.", "Name one yourself in backup.toml."
    )


def _set(layout: Layout, key: str, value: str) -> None:
    """One line of the operator's own settings; the others stay as they are."""
    path = layout.backup_settings
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    line = f"{key} = {value}"
    found = next((one for one in _LINE.finditer(text) if one[1] == key), None)
    text = text[: found.start()] + line + text[found.end() :] if found else f"{line}\n{text}"
    write_whole(NewFile(path, text))


def _told(writer: Writer | None) -> str:
    return f"{writer}, last seen {writer.at:%Y-%m-%d %H:%M:%S}Z" if writer else "nobody yet"


def _change(now: Writer, before: Writer | None) -> dict[str, object]:
    return {"changed": True, "writer": _data(now), "before": _data(before)}


def _data(writer: Writer | None) -> dict[str, object] | None:
    if writer is None:
        return None
    return {
        "epoch": writer.epoch,
        "instance": writer.instance,
        "machine": writer.machine,
        "folder": writer.folder,
        "at": writer.at.isoformat(),
    }
