"""What a stranger does: a fresh copy of the project, `make up`, the page, `make up` again, `make down`."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from stock_analysis.testing.processes import free_port
from tests.integration.ops.instance import CHECKOUT, hear_ctrl_c, wait_for

_NOT_CLONED = (
    *(".venv", "node_modules", "dist", "build", ".git", "__pycache__"),
    *("test-results", ".*_cache", ".hypothesis", ".schemathesis"),
)


@pytest.fixture
def clone(base: Path) -> Path:
    """The project as a clone has it: nothing installed, nothing built."""
    folder = base / "clone"
    shutil.copytree(CHECKOUT, folder, ignore=shutil.ignore_patterns(*_NOT_CLONED))
    return folder


def environment() -> dict[str, str]:
    """What a stranger's shell has: nothing of the `make` that runs these tests."""
    of_outer_make = ("STOCK", "MAKE", "MFLAGS", "ARGS", "DATA", "PORT")
    return {name: value for name, value in os.environ.items() if not name.startswith(of_outer_make)}


def start(clone: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["make", *words],
        cwd=clone,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )


def make(clone: Path, *words: str) -> str:
    with start(clone, *words) as process:
        out, _ = process.communicate(timeout=280)
    assert process.returncode == 0, out
    assert "Traceback" not in out
    return out


def get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        body = answer.read()
    return json.loads(body) if path.startswith("/api") else body.decode()


@pytest.mark.fault
def test_a_fresh_clone_is_a_chart_page_after_one_command(clone: Path, base: Path) -> None:
    port, data = free_port(), base / "data"
    where = (f"DATA={data}", f"PORT={port}")
    out = make(clone, "up", *where)
    try:
        assert f"http://127.0.0.1:{port}" in out
        assert '<div id="root">' in get(port, "/")
        chart = get(port, "/api/v1/stocks/AAPL/chart?i=rsi(14)&i=macd(12,26,9)&limit=250")
        assert len(chart["t"]) == 250
        assert len(chart["indicators"]) == 2
        again = make(clone, "up", *where)
        assert "no changes" in again
        assert "npm" not in again
        assert "Packages" not in again
    finally:
        make(clone, "down", f"DATA={data}")


@pytest.mark.fault
def test_an_installation_that_was_cut_off_is_finished_by_the_next(clone: Path) -> None:
    process = start(clone, "install")
    wait_for((clone / ".venv/bin/uv").exists, "the installer is there and installs the packages", 60)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Interrupted" in out
    make(clone, "install")
    assert make(clone, "install") == ""
    assert (clone / ".venv/bin/stockops").exists()
    assert (clone / "frontend/dist/index.html").exists()
