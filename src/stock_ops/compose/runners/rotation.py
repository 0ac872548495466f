"""Bring changes of secrets that were cut off to their end, in the running containers."""

from stock_ops.compose.facts.containers import observe_containers
from stock_ops.compose.facts.engine import ask
from stock_ops.compose.facts.stack import Stack
from stock_ops.compose.plans.services import TITLES
from stock_ops.compose.runners.stack import run_compose
from stock_ops.kit.errors import PartError
from stock_ops.kit.folder_rotation import FolderHolder, unfinished
from stock_ops.kit.report import Report
from stock_ops.kit.rotating import change
from stock_ops.kit.words import last_words


def finish_changes(stack: Stack, report: Report) -> list[str]:
    """The names of the secrets whose change was finished. Raises PartError."""
    folder = stack.files.secrets
    names = unfinished(folder)
    holder = FolderHolder(
        folder, lambda service, command: _execute(stack, service, command), lambda words: _admin(stack, words)
    )
    for name in names:
        change(holder, name, report, goes_on=True)
    return names


def _execute(stack: Stack, service: str, command: str) -> None:
    container = observe_containers(stack, service)[service]
    answer = ask(stack.engine.program, "exec", container.id, *command.split())
    if answer.code != 0:
        told = last_words(answer.text + answer.errors)
        raise PartError(f"{TITLES[service]} does not take a secret: {told}", "Run `stockops up` once more.")


def _admin(stack: Stack, words: str) -> None:
    run_compose(stack, "run", "--rm", "-T", "--no-deps", "admin", *words.split())
