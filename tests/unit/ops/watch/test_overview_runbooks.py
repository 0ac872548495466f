"""Each warning and each alert has its runbook, each runbook its alert; what they tell to type exists."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.core import TyperGroup

from stock_ops.backup.plans.retention import Hindrance
from stock_ops.cli import app
from stock_ops.kit.verdict import KINDS, SEVERITIES
from stock_ops.watch.plans.overview import overview
from tests.unit.ops.standings import all_wrong

ROOT = Path(__file__).resolve().parents[4]
RUNBOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))
RULES = (ROOT / "deploy/monitoring/rules/backups.yml").read_text()
PLATFORM_RULES = (ROOT / "deploy/monitoring/rules/platform.yml").read_text()
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def test_warnings_alerts_and_runbooks_match_both_ways() -> None:
    kinds = {*KINDS, "backup-part-down"}
    named = re.findall(r"runbook: docs/runbooks/(.+)\.md", RULES)
    of_platform = re.findall(r"runbook: docs/runbooks/(.+)\.md", PLATFORM_RULES)
    assert sorted(named) == sorted(kinds)
    assert sorted(path.stem for path in RUNBOOKS) == sorted([*named, *of_platform])


def test_what_keeps_a_prune_from_deleting_has_a_runbook() -> None:
    assert set(get_args(Hindrance)) <= set(KINDS)


def test_a_warning_hurries_as_much_as_its_alert() -> None:
    told = re.findall(r"severity: (\w+)\n.*?runbook: docs/runbooks/([\w-]+)\.md", RULES, re.DOTALL)
    found = {runbook: severity for severity, runbook in told}
    assert found.pop("backup-part-down") == "critical"
    assert found == SEVERITIES


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
class TestRunbook:
    def test_it_has_its_sections_and_something_in_each(self, path: Path) -> None:
        head, *sections = re.split(r"^## ", path.read_text(), flags=re.MULTILINE)
        assert [section.partition("\n")[0] for section in sections] == SECTIONS
        assert all(len(section.partition("\n")[2].split()) >= 5 for section in sections)
        assert head.startswith("# ")

    def test_it_names_its_alert(self, path: Path) -> None:
        (alert,) = re.findall(r"^Alert `(\w+)`", path.read_text(), re.MULTILINE)
        assert alert == "".join(word.capitalize() for word in path.stem.split("-"))
        assert f"- alert: {alert}\n" in RULES + PLATFORM_RULES

    def test_its_links_lead_somewhere(self, path: Path) -> None:
        for link in re.findall(r"\]\(([^)]+)\)", path.read_text()):
            assert (path.parent / link).is_file(), link

    def test_its_commands_exist(self, path: Path) -> None:
        for command in re.findall(r"`stockops ([^`]+)`", path.read_text()):
            assert unknown(command) is None, command


def test_the_commands_of_the_warnings_exist() -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    todos = " | ".join(warning["todo"] for warning in overview(all_wrong(now), now)["warnings"])
    commands = re.findall(r"stockops ([a-z]+(?: [a-z]+)?(?: --[a-z]+)?)", todos)
    assert len(commands) > len(KINDS) / 2
    for command in commands:
        assert unknown(command) is None, command


def unknown(line: str) -> str | None:
    """The first word of a command line that stockops does not know; None when it knows all."""
    found = typer.main.get_command(app)
    for word in line.split():
        if word.startswith("-"):
            if not any(word in parameter.opts for parameter in found.params):
                return word
        elif isinstance(found, TyperGroup):
            if word not in found.commands:
                return word
            found = found.commands[word]
    return None
