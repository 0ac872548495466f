"""The systemd unit of an instance, judged by systemd itself, and the verbs that install and remove it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stock_ops.cli import app
from stock_ops.kit.layout import FORMAT, Layout
from stock_ops.local.facts import service as facts
from stock_ops.local.plans.service import memory_limit, unit_text

MOST_EXPOSED = 40
"""Of 100, as systemd counts: what it calls OK. A unit without hardening has 96."""
TMP = "/tmp"  # noqa: S108 - the name of the folder, as the unit has it
ANALYZE = shutil.which("systemd-analyze")
judged = pytest.mark.skipif(ANALYZE is None, reason="NOT RUN: systemd-analyze is not on this machine")


def unit(base: Path, *, system: bool = True) -> str:
    return unit_text(Layout(base / "da ta"), Path(sys.executable), [base / "backups"], 2**30, system=system)


def analyze(text: str, base: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = base / "stock-analysis.service"
    path.write_text(text)
    command = [f"{ANALYZE}", *words, f"{path}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@judged
@pytest.mark.parametrize("system", [True, False])
def test_systemd_understands_each_line(tmp_path: Path, system: bool) -> None:
    told = analyze(unit(tmp_path, system=system), tmp_path, "verify")
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


@judged
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("ProtectSystem=strict", "ProtectSystem=strickt"),
        ("NoNewPrivileges=yes", "NoNewPrivilege=yes"),
        (f"ExecStart={sys.executable}", "ExecStart=/nonexistent/python"),
    ],
)
def test_systemd_complains_about_a_broken_one(tmp_path: Path, right: str, wrong: str) -> None:
    assert right in unit(tmp_path)
    told = analyze(unit(tmp_path).replace(right, wrong), tmp_path, "verify")
    assert told.stdout + told.stderr


@judged
def test_it_is_hardened_as_systemd_counts(tmp_path: Path) -> None:
    limit = ("security", "--offline=true", f"--threshold={MOST_EXPOSED}")
    told = analyze(unit(tmp_path), tmp_path, *limit)
    assert told.returncode == 0, told.stdout
    words = ("Protect", "Restrict", "NoNew", "Private", "Capability", "SystemCall", "Lock")
    bare = "\n".join(line for line in unit(tmp_path).splitlines() if not line.startswith(words))
    assert analyze(bare, tmp_path, *limit).returncode != 0


@pytest.mark.parametrize(
    ("root", "private"),
    [("/srv/stocks", True), (f"{TMP}/stocks", False), ("/srv/" + "x" * 100, False)],
)
def test_a_private_tmp_hides_neither_data_nor_the_control_socket(root: str, private: bool) -> None:
    text = unit_text(Layout(Path(root)), Path(sys.executable), [], 2**30, system=True)
    assert ("PrivateTmp=yes" in text) is private
    writable = next(line for line in text.splitlines() if line.startswith("ReadWritePaths="))
    assert writable.split("=")[1].split() == [root] + ([] if private else [TMP])


def test_memory_is_half_of_the_machine_and_at_least_a_gibibyte() -> None:
    assert memory_limit(24 * 2**30) == 12 * 2**30
    assert memory_limit(2**30) == 2**30


class Machine:
    """A machine with a service manager that notes what it was told."""

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.layout, self.units, self.told = Layout(base / "data"), base / "units", base / "told"
        self._programs, self._running = base / "bin", base / "systemd"
        self._programs.mkdir()
        self._running.mkdir()
        self.layout.root.mkdir()
        memory = {"format": FORMAT, "ports": {"platform": 8080}}
        self.layout.memory.write_text(json.dumps(memory))
        monkeypatch.setattr(facts, "_RUNS_SYSTEMD", self._running)
        monkeypatch.setattr(facts, "unit_folder", lambda _: self.units)
        monkeypatch.setenv("PATH", f"{self._programs}", prepend=":")
        monkeypatch.setenv("XDG_CONFIG_HOME", f"{base / 'settings'}")
        self.answer()

    def answer(self, code: int = 0) -> None:
        """systemctl notes its words and ends so; is-enabled says what was done last."""
        script = self._programs / "systemctl"
        script.write_text(
            f'#!/bin/sh\n[ "$1" = --user ] && shift\n'
            f'case "$1" in\n'
            f'is-enabled) grep -q "^enable" {self.told} && echo enabled || echo disabled;;\n'
            f"is-active) echo inactive;;\n"
            f'*) echo "$*" >> {self.told}; [ {code} = 0 ] || echo "no bus" >&2; exit {code};;\nesac\n'
        )
        script.chmod(0o755)

    def lose_systemd(self) -> None:
        """As in a container, or on another system."""
        self._running.rmdir()

    def run(self, *words: str, code: int = 0) -> Result:
        """A verb, and how it must end."""
        result = CliRunner().invoke(app, ["service", *words, "--data", f"{self.layout.root}", "--json"])
        assert result.exit_code == code, result.output
        return result

    def calls(self) -> list[str]:
        """What systemctl was told to do."""
        return self.told.read_text().splitlines() if self.told.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_install_writes_and_enables_once_and_remove_takes_it_away(machine: Machine) -> None:
    assert json.loads(machine.run("status", code=3).output)["installed"] is False
    first = json.loads(machine.run("install").output)
    assert first["changed"] is True
    path = machine.units / first["name"]
    assert path.stat().st_mode & 0o777 == 0o644
    assert f"up --data {machine.layout.root}" in path.read_text()
    assert machine.calls() == ["daemon-reload", f"enable {first['name']}"]
    assert json.loads(machine.run("install").output)["changed"] is False
    assert len(machine.calls()) == 2
    assert json.loads(machine.run("status").output)["enabled"] == "enabled"
    assert json.loads(machine.run("remove").output)["changed"] is True
    assert not path.exists()
    assert json.loads(machine.run("remove").output)["changed"] is False


def test_a_dry_run_prints_the_unit_and_writes_nothing(machine: Machine) -> None:
    told = json.loads(machine.run("install", "--dry-run").output)
    assert "ProtectSystem=strict" in told["unit"]
    assert machine.calls() == []
    assert not machine.units.exists()


def test_where_systemd_is_absent_it_says_what_to_do(machine: Machine) -> None:
    machine.lose_systemd()
    error = json.loads(machine.run("install", code=1).output)["error"]
    assert "systemd does not run this machine" in error["why"]
    assert f"@reboot {sys.executable} -m stock_ops up --data {machine.layout.root}" in error["todo"]
    assert not machine.units.exists()
    machine.run("status", code=3)


def test_what_systemd_refuses_is_told_in_its_words(machine: Machine) -> None:
    machine.answer(code=1)
    assert "no bus" in json.loads(machine.run("install", code=1).output)["error"]["why"]


def test_a_folder_that_was_never_started_is_refused(machine: Machine) -> None:
    machine.layout.memory.unlink()
    error = json.loads(machine.run("install", code=1).output)["error"]
    assert f"stockops up --data {machine.layout.root}" in error["todo"]
