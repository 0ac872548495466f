"""Whatever the platform does when it is asked about the settings, the answer is words or consent."""

from dataclasses import replace
from pathlib import Path

import pytest

from stock_ops.local.facts import programs
from stock_ops.local.facts.programs import observe_programs, read_objection


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("exit 0", None),
        ("echo 'stock-analysis: a: no' >&2; echo 'stock-analysis: b: no' >&2; exit 2", "a: no; b: no"),
        ("exit 3", "it ended with 3 and said nothing"),
        ("exec sleep 20", "it did not say within 2 s whether it takes them"),
    ],
)
def test_the_platform_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, told: str | None
) -> None:
    monkeypatch.setattr(programs, "_ANSWER_S", 2.0)
    platform = tmp_path / "stock-analysis"
    platform.write_text(f"#!/bin/sh\n{does}\n")
    platform.chmod(0o755)
    assert read_objection(replace(observe_programs(), platform=platform), tmp_path / "none") == told


def test_a_platform_that_cannot_be_asked_says_why(tmp_path: Path) -> None:
    found = read_objection(replace(observe_programs(), platform=tmp_path), tmp_path / "none")
    assert found == "it cannot be asked: Permission denied"
