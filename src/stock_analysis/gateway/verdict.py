"""The verdict over the whole platform: that of the operations, and what the gateway sees itself. Pure."""

from collections.abc import Sequence

from stock_analysis.gateway.schemas import Backups, Finding, Part, Verdict

_STATES = ("critical", "warning")


def verdict_of(parts: Sequence[Part], backups: Backups | None, silence: str | None) -> Verdict:
    """The verdict of the part that looks after the backups; unhealthy parts that it does not name are added.

    backups: its answer. silence: why there is none although it is managed; None where nobody manages backups.
    """
    findings = list(backups.verdict.findings) if backups else []
    down = [part for part in parts if not part.healthy]
    if down and not any(one.kind == "part-down" for one in findings):
        findings.insert(0, _down(down))
    if silence is not None:
        findings.append(_silent(silence))
    state = next((state for state in _STATES if any(one.severity == state for one in findings)), "ok")
    return Verdict.model_validate(
        {"state": state, "headline": _headline(findings), "findings": [one.model_dump() for one in findings]}
    )


def _headline(findings: Sequence[Finding]) -> str:
    critical = sum(one.severity == "critical" for one in findings)
    warnings = sum(one.severity == "warning" for one in findings)
    words = [f"{critical} critical"] * (critical > 0)
    words += [f"{warnings} warning{'s' * (warnings > 1)}"] * (warnings > 0)
    return ", ".join(words) or "everything works"


def _down(parts: Sequence[Part]) -> Finding:
    return Finding(
        severity="critical",
        kind="part-down",
        why="; ".join(f"{part.name}: {part.reason or 'unhealthy'}" for part in parts) + ".",
        todo="`stockops status` says more; `stockops up` starts what does not run.",
        runbook="stockops runbook part-down",
    )


def _silent(why: str) -> Finding:
    return Finding(
        severity="critical",
        kind="backup-part-down",
        why=f"Nothing is known of the backups: {why}.",
        todo="`stockops logs backup` says why; `stockops up` starts it.",
        runbook="stockops runbook backup-part-down",
    )
