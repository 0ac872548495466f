"""The question and the report of a restore."""

import shlex
from typing import Any

from stock_ops.kit.errors import megabytes
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.restore.cli.source import Source, Wish
from stock_ops.restore.facts.progress import Progress
from stock_ops.storage.facts.place import absolute


def way_back(layout: Layout, wish: Wish, timeline: int) -> str:
    """The command that restores the end of a timeline from the same storage."""
    words = ["restore", "--timeline", str(timeline)]
    words += ["--storage", absolute(wish.storage)] if wish.storage else []
    words += ["--copy", wish.copy] if wish.copy else []
    words += ["--key-file", str(wish.key_file.absolute())] if wish.key_file else []
    return _command(layout, *words)


def _command(layout: Layout, *words: str) -> str:
    """A command for a shell, on this data folder."""
    return shlex.join(["stockops", *words, "--data", str(layout.root)])


def doubt(source: Source) -> str:
    """Why nothing proves that what is brought back was made by this instance; empty where something does."""
    unproven = source.archive.unproven
    return next((f"{one.id}: {unproven[one.id]}" for one in source.choice.chain if one.id in unproven), "")


def question(layout: Layout, source: Source, *, going_on: bool) -> str:
    """The question before anything is touched."""
    choice, why = source.choice, doubt(source)
    begin = "Go on with the restore of" if going_on else "Restore"
    size = megabytes(sum(part.plain_bytes for backup in choice.chain if (part := backup.part("base"))))
    present = " The present data are kept." if layout.postgresql.exists() else ""
    doubts = f" Nothing proves who made {why}." if why else ""
    return (
        f"{begin} {choice.backup.id} ({size}), to the {choice.target}, into {layout.root}?{present}{doubts}"
    )


def hint(layout: Layout, source: Source, wish: Wish) -> list[tuple[str, str]]:
    """Where the next backups go, if not to where these came from, or by another key."""
    settings, here, why = source.settings, source.storage.where, doubt(source)
    doubts = [("Unproven", why)] if why else []
    doubts += [("Forged", finding) for finding in source.archive.findings]
    if wish.key_file in (None, settings.key_file) and settings.storage.rstrip("/") == here:
        trouble = source.two_writers
        return [*doubts, *([("Writer", f"{trouble.why} {trouble.todo}")] if trouble else [])]
    return [
        *doubts,
        (
            "Backups",
            f"will go to {settings.storage}, for the key {settings.key_file}; "
            f"to go on in {here}, name both in {layout.backup_settings} before the start",
        ),
    ]


def tell(layout: Layout, progress: Progress, report: Report, hint: list[tuple[str, str]]) -> None:
    """The result, the old data, and the next command."""
    folder = layout.kept / progress.keep
    held = folder.exists()
    lines = [("Restored", f"{progress.chain[-1]}, to the {progress.target}")]
    if progress.gap:
        lines.append(("Gap", f"the log is missing from {progress.gap}; nothing after that came back"))
    if held:
        delete = _command(layout, "kept", "delete", progress.keep)
        lines.append(("Old data", f"{folder}  (delete them with: {delete})"))
    if progress.back:
        lines.append(("Back", f"to the last moment in the storage: {progress.back}"))
    lines += [("Not taken", f"{one}: it could run a command or load code") for one in progress.armed]
    if progress.armed:
        lines.append(("Look", f"{layout.postgresql}/*.found has the lines; put back what you know"))
    lines += hint
    lines.append(("Next", _command(layout, "up")))
    data: dict[str, Any] = {
        "changed": True,
        "backup": progress.chain[-1],
        "target": str(progress.target),
        "timeline": progress.timeline,
        "kept": str(folder) if held else None,
        "back": progress.back or None,
        "not_taken": list(progress.armed),
    }
    report.result("restore", lines, data)
