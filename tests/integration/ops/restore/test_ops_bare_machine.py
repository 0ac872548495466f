"""All that is left is the storage and the key: docs/operations.md is followed to the letter."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from stock_analysis.testing.processes import free_port
from tests.integration.ops.local.test_ops_bootstrap import clone, environment, get, make

__all__ = ["clone"]

CHART = "/api/v1/stocks/AAPL/chart?i=rsi(14)&limit=250"
LATE = "/api/v1/stocks/ACME/bars?interval=1d"
PRICES = "date,open,high,low,close,volume\n2024-01-02,10,11,9,10.5,1000\n2024-01-03,10.5,12,10,11.25,2000\n"


def commands(text: str) -> tuple[str, str]:
    """The two blocks of the section: what the reader fills in, and what is then typed as it stands."""
    section = text.split("### On a bare machine\n")[1].split("\n### ")[0]
    blocks = re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
    assert len(blocks) == 2
    return blocks[0], blocks[1]


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_storage_and_key_are_enough(clone: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", f"{base}/settings")
    port, old = free_port(), base / "old"
    make(clone, "up", f"DATA={old}", f"PORT={port}")
    try:
        before = get(port, CHART)
        stockops(clone, "backup", "create", "--data", old)
        (base / "acme.csv").write_text(PRICES)
        late_import(clone, old, base / "acme.csv")
        late = get(port, LATE)
        assert len(late["t"]) == 2
    finally:
        make(clone, "down", f"DATA={old}")
    key = base / "backup.key"
    next((base / "settings").rglob("*.key")).rename(key)
    storage = (base / "old-backups").rename(base / "mnt")
    shutil.rmtree(old)
    shutil.rmtree(base / "settings")

    filled_in, typed = commands((clone / "docs/operations.md").read_text())
    assert re.findall(r"^    (\w+)=", filled_in, re.MULTILINE) == ["DATA", "STORAGE", "KEY"]
    new, port = base / "new", free_port()
    assert typed.count("stockops up") == 1
    script = typed.replace('stockops up --data "$DATA"', f'stockops up --data "$DATA" --port {port}')
    values = f"set -euo pipefail\nDATA={new}\nSTORAGE={storage}\nKEY={key}\n"
    try:
        told = run(["bash", "-c", values + script], clone)
        assert "full: there is no whole backup on timeline 2" in told
        assert get(port, CHART) == before
        assert get(port, LATE) == late
        assert len(list((storage / "backups").iterdir())) == 2
    finally:
        make(clone, "down", f"DATA={new}")


def late_import(clone: Path, data: Path, file: Path) -> None:
    """Prices that no backup holds, only the log since."""
    program, config = clone / ".venv/bin/stock-analysis", data / "config/platform.toml"
    run([program, "import", file, "--symbol", "ACME", "--config", config], clone)


def stockops(clone: Path, *words: str | Path) -> str:
    return run([clone / ".venv/bin/stockops", *words], clone)


def run(command: Sequence[str | Path], cwd: Path) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout
