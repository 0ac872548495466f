"""The one writer of everything that people or programs read: console or JSON."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from stock_ops.kit.container import as_typed_outside
from stock_ops.kit.errors import OpsError, megabytes
from stock_ops.kit.outlook import Outlook
from stock_ops.kit.typed import PROGRAM, Named
from stock_ops.kit.wrapping import wrapped


class Report(Protocol):
    """Where results go."""

    def step(self, title: str, detail: str, *, quiet: bool) -> Any:
        """A context that lasts as long as one step; a quiet one is shown to people only if it fails."""

    def advance(self, done_bytes: int, total_bytes: int | None) -> None:
        """Progress of the running step; None: its total is unknown."""

    def plan(self, verb: str, steps: Sequence[tuple[str, str]], outlook: Outlook | None = None) -> None:
        """The steps of a dry run, and what they would lead to."""

    def result(self, verb: str, lines: Sequence[tuple[str, str]], data: Mapping[str, Any]) -> None:
        """The end of a verb: lines for people, data for programs."""

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows for people."""

    def text(self, words: str) -> None:
        """Paragraphs for people."""

    def diff(self, lines: Sequence[str]) -> None:
        """Lines of a difference for people: `+` added, `-` removed, `~` changed, a blank for the rest."""

    def log(self, part: str, line: str, *, named: bool) -> None:
        """One line of a part's log."""

    def error(self, verb: str, error: OpsError) -> None:
        """Why it did not work, and what to do."""


_NAME = 12
"""Columns of a name before its value."""
_LONGEST_WORD = 19
"""Words up to this length are not broken in a table, a date with its time among them; a path may be."""
_WORD = re.compile(r"(?:\d{4}-)?\d\d-\d\d \d\d:\d\d(?::\d\d)?|[\d,]+ (?:[KMG]iB|B)|\S+")
_ITEM = re.compile(r"- |\d+\. ")
_MARKS = {"ok": ("ok", "green"), "failed": ("failed", "red"), "warning": ("warning", "yellow")}


class _Lines(Console):
    """Its reader may go away; the work is finished all the same."""

    def on_broken_pipe(self) -> None:
        """Go on in silence, where the library would end the process."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


class ConsoleReport:
    """For people: one line a step with its time; plain lines when it is no terminal.

    program: what the reader types for `stockops`, which our words say everywhere. named: what was named on
    the command line, which each command that is told needs, too.
    """

    def __init__(self, program: str = PROGRAM, named: Named | None = None) -> None:
        self._program, self._named = program, named or Named()
        self._out = _Lines(highlight=False, soft_wrap=False)
        self._err = _Lines(stderr=True, highlight=False)
        self._live: Progress | None = None
        self._title, self._started, self._told = "", 0.0, 0.0

    @contextmanager
    def step(self, title: str, detail: str, *, quiet: bool) -> Iterator[None]:
        """Show the step while it runs, then its time."""
        started = time.monotonic()
        self._title, self._started, self._told = title, started, started
        try:
            with self._waiting(title, detail):
                yield
        except BaseException:
            self._step_line("failed", title, "", time.monotonic() - started)
            raise
        if not quiet:
            self._step_line("ok", title, detail, time.monotonic() - started)

    def advance(self, done_bytes: int, total_bytes: int | None) -> None:
        """In place on a terminal; elsewhere a line now and then."""
        now = time.monotonic()
        every_s = _REDRAW_S if self._live else _PLAIN_LINE_S
        if now - self._told < every_s:
            return
        self._told, text = now, progress_text(done_bytes, total_bytes, now - self._started)
        if self._live:
            self._live.update(self._live.task_ids[0], told=text)
        else:
            self._step_line("...", self._title, text, now - self._started)

    def plan(self, verb: str, steps: Sequence[tuple[str, str]], outlook: Outlook | None = None) -> None:
        """The steps of a dry run, and what they would lead to."""
        if not steps:
            self._out.print(f"{verb}: no changes")
            return
        self._out.print(
            f"{verb} would take {len(steps)} step{'s' * (len(steps) > 1)} (dry run, nothing is done):"
        )
        for number, (title, detail) in enumerate(steps, 1):
            self._print_named(self._out, f"{number:>3}    {title:<18} ", "", detail)
        self.result(verb, outlook.lines if outlook else (), {})

    def result(
        self,
        verb: str,  # noqa: ARG002 - people know what they typed
        lines: Sequence[tuple[str, str]],
        data: Mapping[str, Any],  # noqa: ARG002 - for programs
    ) -> None:
        """Name and value on each line; paths and commands are never broken."""
        for name, value in lines:
            self._print_named(self._out, f"{name:<{_NAME - 1}} ", "bold", value)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows under their titles."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for number, column in enumerate(columns):
            words = _WORD.findall(" ".join((column, *(row[number] for row in rows))))
            longest = max((len(word) for word in words if len(word) <= _LONGEST_WORD), default=0)
            table.add_column(column, overflow="fold", no_wrap=number == 0, min_width=longest)
        for row in rows:
            table.add_row(*(_coloured(self._as_typed(cell)) for cell in row))
        self._out.print(table, crop=False)

    def diff(self, lines: Sequence[str]) -> None:
        """In colour on a terminal."""
        for line in lines:
            self._out.print(Text(line, _SIGNS.get(line[:1], "")), overflow="fold", crop=False)

    def log(self, part: str, line: str, *, named: bool) -> None:
        """One line of a part's log, as it is."""
        sys.stdout.write(f"{part:<10} {line}\n" if named else f"{line}\n")
        sys.stdout.flush()

    def error(self, verb: str, error: OpsError) -> None:  # noqa: ARG002 - people know what they typed
        """Why, and what to do, on standard error."""
        for name, style, words in (("Error: ", "bold red", error.why), ("To do: ", "bold", error.todo)):
            self._print_named(self._err, name, style, words)

    def text(self, words: str) -> None:
        """Paragraphs, each on a line; the lines of an item of a list begin behind its mark."""
        width = _width(self._out)
        for line in self._as_typed(words).split("\n"):
            mark = _ITEM.match(line)
            for part in wrapped(line, width, len(mark[0]) if mark else 0) if width else [line]:
                self._out.print(Text(part), overflow="ignore", no_wrap=True, crop=False)

    def _as_typed(self, words: str) -> str:
        return as_typed_outside(self._named.complete(words, self._program))

    def _print_named(self, out: Console, name: str, style: str, words: str) -> None:
        typed = self._as_typed(words)
        lines = (
            wrapped(typed, _width(out), len(name), begun_at=len(name)) if _width(out) else typed.split("\n")
        )
        first, *rest = lines
        out.print(Text.assemble((name, style), first), overflow="ignore", no_wrap=True, crop=False)
        for line in rest:
            out.print(Text(line), overflow="ignore", no_wrap=True, crop=False)

    @contextmanager
    def _waiting(self, title: str, detail: str) -> Iterator[None]:
        if self._out.is_terminal:
            texts = (TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[told]"))
            columns = (SpinnerColumn(), *texts, TimeElapsedColumn())
            with Progress(*columns, console=self._out, transient=True) as self._live:
                room = self._out.width - len(f"- {title}  0:00:00 ")
                self._live.add_task(title, total=None, told=_shortened(detail, room))
                try:
                    yield
                finally:
                    self._live = None
        else:
            yield

    def _step_line(self, mark: str, title: str, detail: str, seconds: float) -> None:
        self._cells(mark, title, detail, f"{seconds:.1f} s")

    def _cells(self, mark: str, title: str, detail: str, time_text: str) -> None:
        word, colour = _MARKS.get(mark, (mark, ""))
        width = max(20, (self._out.width if self._out.is_terminal else 100) - 40)
        shown = (_shortened(detail, width), "dim")
        line = Text.assemble((f"{word:<7}", colour), f"{title:<18} {time_text:>7}  ", shown)
        self._out.print(line, no_wrap=True, crop=False, overflow="ignore")


class JsonReport:
    """For programs: one JSON object on standard output; logs are one object a line."""

    def __init__(self, named: Named | None = None) -> None:
        self._steps: list[dict[str, Any]] = []
        self._named = named or Named()

    @contextmanager
    def step(self, title: str, detail: str, *, quiet: bool) -> Iterator[None]:  # noqa: ARG002 - programs get all
        """Keep the step for the result."""
        started, ok = time.monotonic(), False
        try:
            yield
            ok = True
        finally:
            seconds = round(time.monotonic() - started, 3)
            self._steps.append({"title": title, "detail": detail, "ok": ok, "seconds": seconds})

    def advance(self, done_bytes: int, total_bytes: int | None) -> None:
        """Nothing: programs read the end."""

    def plan(self, verb: str, steps: Sequence[tuple[str, str]], outlook: Outlook | None = None) -> None:
        """The steps of a dry run, and what they would lead to."""
        listed = [{"title": title, "detail": detail} for title, detail in steps]
        data = outlook.data if outlook else {}
        self._print({"verb": verb, "ok": True, "dry_run": True, "changed": False, "steps": listed, **data})

    def result(
        self,
        verb: str,
        lines: Sequence[tuple[str, str]],  # noqa: ARG002 - for people
        data: Mapping[str, Any],
    ) -> None:
        """The data and the steps."""
        steps = {"steps": self._steps} if self._steps or "changed" in data else {}
        self._print({"verb": verb, "ok": True, **data, **steps})

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Nothing: the data of the result hold it."""

    def text(self, words: str) -> None:
        """Nothing: the data of the result hold it."""

    def diff(self, lines: Sequence[str]) -> None:
        """Nothing: the data of the result hold it."""

    def log(self, part: str, line: str, *, named: bool) -> None:  # noqa: ARG002 - each object has its part
        """One object a line."""
        self._print({"part": part, "line": line}, indent=None)

    def error(self, verb: str, error: OpsError) -> None:
        """The error with its kind."""
        why, todo = (as_typed_outside(self._named.complete(words)) for words in (error.why, error.todo))
        told: dict[str, Any] = {"kind": error.kind, "why": why, "todo": todo, "exit_code": error.exit_code}
        if error.details:
            told["details"] = list(error.details)
        self._print({"verb": verb, "ok": False, "error": told, "steps": self._steps})

    def _print(self, value: Mapping[str, Any], indent: int | None = 2) -> None:
        sys.stdout.write(json.dumps(value, indent=indent, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def _width(out: Console) -> int:
    """Columns to keep to; 0 where nobody looks: a program that reads lines wants them whole."""
    return out.width if out.is_terminal or os.environ.get("COLUMNS") else 0


def progress_text(done_bytes: int, total_bytes: int | None, seconds: float) -> str:
    """How much is done, how fast, and how long the rest will take, as far as that is known."""
    rate = done_bytes / seconds if seconds > 0 else 0.0
    words = [f"{megabytes(done_bytes)} of {megabytes(total_bytes)}" if total_bytes else megabytes(done_bytes)]
    words.append(f"{megabytes(int(rate))}/s")
    if total_bytes and rate and done_bytes < total_bytes:
        words.append(f"{(total_bytes - done_bytes) / rate:.0f} s left")
    return ", ".join(words)


_REDRAW_S, _PLAIN_LINE_S = 0.1, 10.0
_SIGNS = {"+": "green", "-": "red", "~": "bold yellow", "@": "cyan"}
_COLOURS = {
    "healthy": "green",
    "ok": "green",
    "warning": "yellow",
    "failed": "red",
    "damaged": "red",
    "unhealthy": "red",
    "stopped": "yellow",
}


def _shortened(text: str, width: int) -> str:
    """No wider than that, as far as three dots have room."""
    return text if len(text) <= width else text[: max(0, width - 3)] + "..."


def _coloured(cell: str) -> Text:
    return Text(cell, style=_COLOURS.get(cell.split(":")[0].split(" ")[0], ""))
