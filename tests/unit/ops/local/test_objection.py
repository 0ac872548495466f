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
        ("exit 3", None),
        ("kill -9 $$", None),
        ("echo 'ImportError: no module' >&2; exit 1", None),
        ("exec sleep 20", None),
    ],
)
def test_it_refuses_its_settings_only_when_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, told: str | None
) -> None:
    monkeypatch.setattr(programs, "_ANSWER_S", 0.5)
    platform = tmp_path / "stock-analysis"
    platform.write_text(f"#!/bin/sh\n{does}\n")
    platform.chmod(0o755)
    assert read_objection(replace(observe_programs(), platform=platform), tmp_path / "none") == told


def test_a_platform_that_cannot_be_asked_has_refused_nothing(tmp_path: Path) -> None:
    assert read_objection(replace(observe_programs(), platform=tmp_path), tmp_path / "none") is None
