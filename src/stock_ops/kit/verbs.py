"""Shared by all verbs: their options, and how an error ends them."""

import contextlib
import itertools
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Protocol

import typer

from stock_ops.kit.errors import BusyError, OpsError, StoppedByUserError
from stock_ops.kit.files import exclusive, explain
from stock_ops.kit.layout import DATA_VARIABLE, Layout, data_folder
from stock_ops.kit.report import ConsoleReport, JsonReport, Report
from stock_ops.kit.signals import signals_interrupt
from stock_ops.kit.typed import NAMING, PROGRAM, Named

Data = Annotated[
    Path | None,
    typer.Option(
        readable=False,
        help="Data folder; else $STOCKOPS_DATA, else the user's place for data.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the steps, do none.")]
Lines = Annotated[int, typer.Option("--lines", "-n", min=0, help="Last lines of each log.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come, until Ctrl-C.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; required without a terminal.")]
Port = Annotated[
    int | None,
    typer.Option(
        min=1, max=65535, help="Port of the pages and the API; else the one of the last start, else 8080."
    ),
]

_PATIENCE_S = 10.0


def run_verb(name: str, as_json: bool, run: Callable[[Report], int]) -> None:
    """Run a verb; an error is told in words, with the exit code of its kind."""
    named = _named(sys.argv[1:], os.environ)
    report: Report = JsonReport(named) if as_json else ConsoleReport(_typed(sys.argv[0]), named)
    try:
        code = run(report)
    except OpsError as error:
        report.error(name, error)
        code = error.exit_code
    except KeyboardInterrupt:
        report.error(name, StoppedByUserError(name, "Nothing was changed."))
        code = StoppedByUserError.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    raise typer.Exit(code)


def _named(words: Sequence[str], environ: Mapping[str, str]) -> Named:
    """What the command line, or the environment, names of data, storage and key; absolute, for any folder."""
    given = {"--data": environ.get(DATA_VARIABLE, ""), **dict(_options(words))}
    absolute = {
        name: value if "://" in value else f"{Path(value).expanduser().resolve()}"
        for name, value in given.items()
        if value
    }
    return Named(absolute)


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word, value in itertools.pairwise([*words, ""]):
        name, equals, own = word.partition("=")
        if name in NAMING:
            yield name, own if equals else value


def _typed(called: str) -> str:
    """What to type for this command: its name where the shell finds it, else its path."""
    path = Path(called).absolute()
    if path.name != PROGRAM or shutil.which(PROGRAM) == f"{path}":
        return PROGRAM
    return f"{path.relative_to(Path.cwd())}" if path.is_relative_to(Path.cwd()) else f"{path}"


def layout_of(data: Path | None) -> Layout:
    """The files of the data folder that the operator named, or of the default one."""
    return Layout(data_folder(data, os.environ, os.geteuid()))


def data_of(words: Sequence[str]) -> Path | None:
    """The data folder that a verb's words name."""
    found = value_of("--data", words)
    return None if found is None else Path(found)


def value_of(option: str, words: Sequence[str]) -> str | None:
    """The value of an option among a verb's words."""
    for at, word in enumerate(words):
        if word == option and at + 1 < len(words):
            return words[at + 1]
        if word.startswith(f"{option}="):
            return word.removeprefix(f"{option}=")
    return None


def confirmed(question: str, *, yes: bool) -> bool:
    """Whether the operator agrees. Without a terminal only --yes agrees."""
    return yes or (sys.stdin.isatty() and typer.confirm(question))


@contextlib.contextmanager
def locked(layout: Layout, verb: str, lock: Path | None = None, *, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the lock of the data folder, or another one in it; the system's errors come in words."""
    try:
        with exclusive(layout, verb, lock, patience_s=patience_s):
            yield
    except OSError as error:
        raise explain(error, layout) from error


@contextlib.contextmanager
def backups_locked(
    layout: Layout, verb: str, report: Report, *, patience_s: float = _PATIENCE_S
) -> Iterator[None]:
    """Hold the lock of the backups; the prune behind each backup has it for a second, and is waited for."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked(layout, verb, layout.backup_lock))
        except BusyError as busy:
            with signals_interrupt(), report.step("Wait", f"for {busy.holder}", quiet=False):
                held.enter_context(locked(layout, verb, layout.backup_lock, patience_s=patience_s))
        yield


class Titled(Protocol):
    """A step of any plan."""

    @property
    def title(self) -> str:
        """What it does."""

    @property
    def detail(self) -> str:
        """To what."""


def listed(steps: Sequence[Titled]) -> list[tuple[str, str]]:
    """The steps as people read them."""
    return [(step.title, step.detail) for step in steps]
