"""Whether all is well: findings with severity and runbook, and one verdict over all of them. Pure.

Facts lead to findings, findings to a verdict; banner, `status`, `doctor`, page and metrics show the same one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from stock_ops.kit.typed import Named, command

Kind = Literal[
    "archive-broken",
    "archive-lagging",
    "archive-stopped",
    "backup-damaged",
    "backup-failing",
    "backup-forged",
    "backup-missing",
    "backup-overdue",
    "backup-unproven",
    "backup-unverified",
    "clock-jumped",
    "copy-damaged",
    "copy-failing",
    "copy-lagging",
    "copy-unverified",
    "disk-filling",
    "disk-full",
    "drill-failed",
    "drill-not-run",
    "drill-overdue",
    "key-missing",
    "part-down",
    "prune-failing",
    "spool-full",
    "storage-locked",
    "storage-nearly-full",
    "storage-same-disk",
    "storage-unfenced",
    "storage-unreachable",
    "structure-changed",
    "tables-shrunk",
    "two-writers",
    "wal-kept-for-archive",
]
"""Each names its runbook, docs/runbooks/KIND.md, and an alert in deploy/monitoring/rules/backups.yml."""
KINDS: tuple[Kind, ...] = get_args(Kind)
PART_DOWN = "backup-part-down"
"""Of everybody but the part itself: nobody looks after the backups."""

Severity = Literal["critical", "warning", "info"]
"""As the alert's: act now, look within days, good to know."""
State = Literal["ok", "warning", "critical"]
SEVERITIES: dict[Kind, Severity] = {
    "archive-broken": "critical",
    "archive-lagging": "warning",
    "archive-stopped": "warning",
    "backup-damaged": "critical",
    "backup-failing": "warning",
    "backup-forged": "critical",
    "backup-missing": "critical",
    "backup-overdue": "critical",
    "backup-unproven": "warning",
    "backup-unverified": "warning",
    "clock-jumped": "warning",
    "copy-damaged": "critical",
    "copy-failing": "warning",
    "copy-lagging": "warning",
    "copy-unverified": "warning",
    "disk-filling": "warning",
    "disk-full": "critical",
    "drill-failed": "critical",
    "drill-not-run": "warning",
    "drill-overdue": "warning",
    "key-missing": "critical",
    "part-down": "critical",
    "prune-failing": "warning",
    "spool-full": "warning",
    "storage-locked": "info",
    "storage-nearly-full": "warning",
    "storage-same-disk": "info",
    "storage-unfenced": "info",
    "storage-unreachable": "critical",
    "structure-changed": "critical",
    "tables-shrunk": "warning",
    "two-writers": "critical",
    "wal-kept-for-archive": "critical",
}
_ORDER: tuple[Severity, ...] = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to act on, or to know."""

    kind: str
    severity: Severity
    why: str
    todo: str

    @property
    def runbook(self) -> str:
        """What to type for its runbook."""
        return command("runbook", self.kind)


def finding(kind: Kind, why: str, todo: str) -> Finding:
    """A finding of a kind."""
    return Finding(kind, SEVERITIES[kind], why, todo)


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings, the worst first."""

    findings: tuple[Finding, ...] = ()

    @property
    def state(self) -> State:
        """As bad as the worst of them; what is only good to know leaves all well."""
        severities = {one.severity for one in self.findings}
        return "critical" if "critical" in severities else "warning" if "warning" in severities else "ok"

    @property
    def headline(self) -> str:
        """In one line."""
        counts = {name: sum(one.severity == name for one in self.findings) for name in _ORDER}
        words = [
            f"{counts['critical']} critical" if counts["critical"] else "",
            f"{counts['warning']} warning{'s' * (counts['warning'] > 1)}" if counts["warning"] else "",
        ]
        return ", ".join(filter(None, words)) or "everything works"

    def body(self, named: Named | None = None) -> dict[str, Any]:
        """As JSON carries it. named: completes the commands."""
        typed = named or Named()
        return {
            "state": self.state,
            "headline": self.headline,
            "findings": [
                {**asdict(one), "todo": typed.complete(one.todo), "runbook": typed.complete(one.runbook)}
                for one in self.findings
            ],
        }

    def lines(self) -> list[tuple[str, str]]:
        """For people: the verdict, then each finding with what to type."""
        names = {"critical": "Critical", "warning": "Warning", "info": "Note"}
        told = [
            (names[one.severity], f"{one.why} {one.todo} Runbook: `{one.runbook}`") for one in self.findings
        ]
        return [("Verdict", self.headline), *told]


def judge(*groups: Iterable[Finding]) -> Verdict:
    """One verdict; of a kind that several groups know, the first group's finding counts."""
    found: dict[str, Finding] = {}
    for group in groups:
        for one in group:
            found.setdefault(one.kind, one)
    return Verdict(tuple(sorted(found.values(), key=lambda one: _ORDER.index(one.severity))))


def read_findings(body: Mapping[str, Any] | None) -> tuple[Finding, ...]:
    """Those in the JSON of a verdict."""
    told = body["findings"] if body else ()
    return tuple(Finding(one["kind"], one["severity"], one["why"], one["todo"]) for one in told)
