"""Checks and differences as people and programs read them."""

from collections.abc import Sequence
from typing import Any

from stock_ops.kit.report import Report
from stock_ops.kubernetes.plans.checks import Check
from stock_ops.kubernetes.plans.diff import Change

_MOST_LINES = 200
_SIGNS = {"added": "+", "changed": "~", "removed": "-"}


def show_checks(report: Report, checks: Sequence[Check]) -> None:
    """A row each."""
    report.table(("Check", "State", "Found"), [(one.name, one.state, one.detail) for one in checks])


def show_diff(report: Report, found: Sequence[Change]) -> None:
    """Each object with its lines, in colour on a terminal."""
    lines: list[str] = []
    for one in found:
        lines.append(f"{_SIGNS[one.what]} {one.name}")
        lines += one.lines if one.what == "changed" else ()
    report.diff(lines[:_MOST_LINES])
    if len(lines) > _MOST_LINES:
        report.text(f"and {len(lines) - _MOST_LINES} more lines; all of them: stockops diff ENV --json")


def told_checks(checks: Sequence[Check]) -> dict[str, Any]:
    """For JSON."""
    return {
        "checks": [
            {"check": one.name, "state": one.state, "detail": one.detail, "todo": one.todo} for one in checks
        ]
    }


def told_diff(found: Sequence[Change]) -> dict[str, Any]:
    """For JSON."""
    return {"changes": [{"object": one.name, "what": one.what, "lines": list(one.lines)} for one in found]}
