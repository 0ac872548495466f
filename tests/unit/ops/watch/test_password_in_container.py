"""In a container the part `backup` follows its password, which may be changed while it runs."""

from pathlib import Path

import pytest

from stock_ops.archive.facts.server import read_address
from stock_ops.kit.layout import Layout
from stock_ops.watch.runners.container import prepare_in_container, write_password


def test_a_changed_password_reaches_the_programs_and_the_next_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets, layout = tmp_path / "secrets", Layout(tmp_path / "data")
    secrets.mkdir()
    (secrets / "stock_backup").write_text("before\n")
    monkeypatch.setenv("STOCKOPS_SERVERS", "postgresql=db:5432 backup=b:8003")
    monkeypatch.setenv("STOCKOPS_SECRETS", str(secrets))
    prepare_in_container(layout)
    first = layout.passfile.stat()
    assert layout.passfile.read_text().endswith("before\n")
    write_password(layout)
    assert layout.passfile.stat().st_ino == first.st_ino
    (secrets / "stock_backup").write_text("after\nbefore\n")
    write_password(layout)
    assert layout.passfile.read_text().endswith("after\n")
    assert layout.passfile.stat().st_mode & 0o777 == 0o600
    assert read_address(layout).password == "after"
