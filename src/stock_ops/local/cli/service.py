"""`stockops service install, remove, status`: start with the machine, by systemd."""

import shlex
import sys
from pathlib import Path

from stock_ops.kit.accounts import current_account
from stock_ops.kit.backup_settings import BackupSettings, read_backup_settings
from stock_ops.kit.errors import FolderError, MissingProgramError
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.typed import command
from stock_ops.kit.verbs import Data, DryRun, Json, layout_of, locked, run_verb
from stock_ops.local.facts.host import observe_host
from stock_ops.local.facts.instance import Memory, read_memory
from stock_ops.local.facts.processes import observe_supervisor
from stock_ops.local.facts.service import ServiceFacts, observe_service
from stock_ops.local.plans.service import memory_limit, unit_text
from stock_ops.local.runners.service import install_unit, remove_unit


def install(data: Data = None, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Start this instance with the machine from now on. --dry-run prints the unit."""
    run_verb("service install", as_json, lambda report: _install(layout_of(data), report, dry_run=dry_run))


def remove(data: Data = None, as_json: Json = False) -> None:
    """Start it with the machine no more. What runs goes on; data are kept."""
    run_verb("service remove", as_json, lambda report: _remove(layout_of(data), report))


def status(data: Data = None, as_json: Json = False) -> None:
    """Show whether this instance starts with the machine."""
    run_verb("service status", as_json, lambda report: _status(layout_of(data), report))


def _install(layout: Layout, report: Report, *, dry_run: bool) -> int:
    if not isinstance(read_memory(layout), Memory):
        raise FolderError(
            f"{layout.root} was never started, so that there is nothing to start with the machine.",
            f"Start it once: {command('up', '--data', f'{layout.root}')}",
        )
    facts = _observe(layout)
    memory = memory_limit(observe_host().memory_bytes)
    text = unit_text(layout, Path(sys.executable), _writable(layout), memory, system=facts.system)
    if dry_run:
        report.result("service install", [("Unit", f"{facts.path}\n\n{text}")], _data(facts) | {"unit": text})
        return 0
    _refuse_without_systemd(facts, layout)
    changed = facts.text != text or facts.enabled != "enabled"
    if changed:
        with locked(layout, "service install"):
            install_unit(facts, text)
    lines = [("Service", f"{facts.name}: {'installed' if changed else 'no changes: it is installed'}")]
    if observe_supervisor(layout).answers and facts.active != "active":
        lines.append(("Now", f"it runs outside systemd; hand it over: {_hand_over(facts, layout)}"))
    elif facts.active != "active":
        lines.append(("Now", f"start it: {_typed(facts)} start {facts.name}"))
    report.result("service install", lines + _linger(facts), _data(facts) | {"changed": changed})
    return 0


def _remove(layout: Layout, report: Report) -> int:
    facts = _observe(layout)
    if facts.text is None:
        report.result("service remove", [("Service", "no changes: it is not installed")], {"changed": False})
        return 0
    _refuse_without_systemd(facts, layout)
    with locked(layout, "service remove"):
        remove_unit(facts)
    lines = [("Service", f"{facts.name}: removed. What runs goes on; data are kept")]
    report.result("service remove", lines, {"changed": True})
    return 0


def _status(layout: Layout, report: Report) -> int:
    facts = _observe(layout)
    if facts.text is None:
        said = "not installed: nothing starts with the machine"
    elif not facts.manages:
        said = "the unit is there, but systemd does not run this machine"
    else:
        said = f"{facts.enabled}, {facts.active}"
    lines = [("Service", said), ("Unit", f"{facts.path}"), *(_linger(facts) if facts.text else [])]
    if facts.text is None and not facts.manages:
        lines.append(("Without", _without(layout)))
    report.result("service status", lines, _data(facts))
    return 0 if facts.text and facts.enabled == "enabled" else 3


def _observe(layout: Layout) -> ServiceFacts:
    return observe_service(layout, current_account().name)


def _refuse_without_systemd(facts: ServiceFacts, layout: Layout) -> None:
    if not facts.manages:
        raise MissingProgramError("systemd does not run this machine.", _without(layout))


def _without(layout: Layout) -> str:
    line = f"@reboot {shlex.join([sys.executable, '-m', 'stock_ops', 'up', '--data', str(layout.root)])}"
    return f"cron can start it, too; add to `crontab -e`: {line}"


def _writable(layout: Layout) -> list[Path]:
    """The storage of the backups, where it is a folder. A setting that cannot be used is told by `up`."""
    settings: BackupSettings = read_backup_settings(layout)
    return [Path(settings.storage)] if settings.enabled and settings.storage.startswith("/") else []


def _linger(facts: ServiceFacts) -> list[tuple[str, str]]:
    if facts.lingers:
        return []
    return [
        ("Boot", f"starts at your first login; with the machine: sudo loginctl enable-linger {facts.user}")
    ]


def _hand_over(facts: ServiceFacts, layout: Layout) -> str:
    return f"{command('down', '--data', f'{layout.root}')} && {_typed(facts)} start {facts.name}"


def _typed(facts: ServiceFacts) -> str:
    return "systemctl" if facts.system else "systemctl --user"


def _data(facts: ServiceFacts) -> dict[str, object]:
    return {
        "name": facts.name,
        "path": str(facts.path),
        "installed": facts.text is not None,
        "scope": "system" if facts.system else "user",
        "systemd": facts.manages,
        "enabled": facts.enabled,
        "active": facts.active,
        "lingers": facts.lingers,
    }
