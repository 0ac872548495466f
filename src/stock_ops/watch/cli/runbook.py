"""`stockops runbook`: what to do about a warning, in the terminal."""

from typing import Annotated

import typer

from stock_ops.kit import runbooks
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import Data, Json, run_verb


def runbook(
    name: Annotated[
        str | None, typer.Argument(help="As a warning names it; without one, all are listed.")
    ] = None,
    data: Data = None,  # noqa: ARG001 - the commands that the runbook tells are completed with it
    as_json: Json = False,
) -> None:
    """Print the runbook of a warning: what it means, and what to do, with commands to paste."""
    run_verb("runbook", as_json, lambda report: _print(name, report) if name else _list(report))


def _print(name: str, report: Report) -> int:
    text = runbooks.read(name)
    report.text(text)
    report.result("runbook", [], {"name": name, "text": text})
    return 0


def _list(report: Report) -> int:
    found = [(name, runbooks.title(name)) for name in runbooks.names()]
    report.table(("Runbook", "About"), found)
    listed = [{"name": name, "title": title} for name, title in found]
    report.result("runbook", [("Read", "`stockops runbook NAME`")], {"runbooks": listed})
    return 0
