"""The verbs that run in a container, by the same code as on this machine: backup, restore, drill, kept."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from stock_ops.compose.cli.platform import stack_of
from stock_ops.compose.facts.containers import observe_containers
from stock_ops.compose.facts.stack import Stack, compose_folder, own_environment
from stock_ops.compose.plans.services import BACKUP, LIVE, RESTORES
from stock_ops.compose.runners.stack import await_healthy, remove_service, run_compose
from stock_ops.kit.errors import LiveDataError, PartError
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import layout_of, locked, run_verb

_IN_USE = ("postgresql", "stock", "gateway", LIVE, BACKUP)


def inside(context: typer.Context) -> None:
    """In the container of the part `backup` where it runs, else in one of its own."""
    verb, words = context.info_name or "", context.args

    def run(_: Report) -> int:
        stack, theirs = _prepared(words)
        return _follow(command_inside(stack, verb, theirs, _terminal()))

    run_verb(verb, "--json" in words, run)


def command_inside(
    stack: Stack, verb: str, words: Sequence[str], terminal: Sequence[str] = ("-i",)
) -> list[str]:
    """A command of stockops in the container of the part `backup` where it runs, else in one like it."""
    container = observe_containers(stack, BACKUP).get(BACKUP)
    if container and container.runs and not mounts(words):
        options = [*terminal, *_outside(stack), container.id]
        return [stack.engine.program, "exec", *options, "stockops", verb, *words]
    return _run(stack, BACKUP, verb, words)


def restore(context: typer.Context) -> None:
    """With everything stopped but Valkey, into the volume of the database."""
    words = context.args

    def run(_: Report) -> int:
        stack, theirs = _prepared(words)
        with locked(stack.files.layout, "restore"):
            _refuse_live(stack)
            if "--dry-run" not in words:
                run_compose(stack, "up", "-d", "valkey")
                await_healthy(stack, "valkey")
            with _recovering(stack):
                return _follow(_run(stack, "restore", "restore", theirs))

    run_verb("restore", "--json" in words, run)


def beside_data(context: typer.Context) -> None:
    """A verb on what lies beside the database in its volume."""
    words = context.args

    def run(_: Report) -> int:
        stack, theirs = _prepared(words)
        return _follow(_run(stack, "restore", "kept", theirs))

    run_verb("kept", "--json" in words, run)


def _prepared(words: Sequence[str]) -> tuple[Stack, list[str]]:
    """The stack, and the words without the data folder, which is this machine's."""
    theirs, data, rest = [], None, iter(words)
    for word in rest:
        if word == "--data":
            data = next(rest, None)
        elif word.startswith("--data="):
            data = word.removeprefix("--data=")
        else:
            theirs.append(word)
    layout = layout_of(Path(data) if data else None)
    stack = stack_of(layout)
    if not stack.files.generated.exists():
        raise PartError(f"{layout.root} was never started.", "Start it with: stockops --target compose up")
    return stack, theirs


@contextlib.contextmanager
def _recovering(stack: Stack) -> Iterator[None]:
    """With a server of the database's own image, which has its extensions, beside the restore."""
    remove_service(stack, RESTORES)
    # The volume, where it is gone, gets its mode from the folder of the image that mounts it first.
    run_compose(stack, "run", "--rm", "-T", "--no-deps", "restore", "restore", "--help")
    run_compose(stack, "up", "-d", "--no-deps", RESTORES)
    try:
        await_healthy(stack, RESTORES)
        yield
    finally:
        remove_service(stack, RESTORES)


def _refuse_live(stack: Stack) -> None:
    containers = observe_containers(stack)
    running = [name for name in _IN_USE if name in containers and containers[name].runs]
    if running:
        layout: Layout = stack.files.layout
        raise LiveDataError(
            f"The data of {layout.root} are in use ({', '.join(running)}); "
            "a restore never replaces data that are.",
            f"Stop everything first: stockops down --data {layout.root}",
        )


def mounts(words: Sequence[str]) -> list[str]:
    """Options that show a folder or a file of this machine to the container, where the words name one."""
    found: list[str] = []
    for name, mode in (("--storage", ""), ("--key-file", ":ro")):
        for at, word in enumerate(words):
            value = words[at + 1 : at + 2] if word == name else [word.removeprefix(f"{name}=")]
            if (word == name or word.startswith(f"{name}=")) and value and not value[0].startswith("s3://"):
                path = Path(value[0]).resolve()
                found += ["-v", f"{path}:{path}{mode}"]
    return found


def _run(stack: Stack, service: str, verb: str, words: Sequence[str]) -> list[str]:
    options = ["run", "--rm", *(() if sys.stdin.isatty() else ("-T",))]
    options += ["--no-deps", *_outside(stack), *mounts(words)]
    return stack.compose(*options, service, verb, *words)


def _outside(stack: Stack) -> list[str]:
    return ["-e", f"STOCKOPS_OUTSIDE=/var/lib/stock-ops={stack.files.layout.root}"]


def _terminal() -> list[str]:
    return ["-it"] if sys.stdin.isatty() and sys.stdout.isatty() else ["-i"]


def _follow(command: Sequence[str]) -> int:
    """Run it with our own input and output; its exit code is ours."""
    return subprocess.run(command, cwd=compose_folder(), env=own_environment(), check=False).returncode
