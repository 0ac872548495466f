"""The service manager of this machine, and the unit of an instance in it."""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stock_ops.kit.layout import Layout, data_folder

_TIMEOUT_S = 20.0
_RUNS_SYSTEMD = Path("/run/systemd/system")
_LINGERS = Path("/var/lib/systemd/linger")


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What is known before a unit is written or removed."""

    name: str
    """Of the unit."""
    path: Path
    """Where its file belongs."""
    text: str | None
    """What is in the file; None: there is none."""
    system: bool
    """A unit of the machine; else one of this user."""
    systemctl: Path | None
    manages: bool
    """systemd runs this machine, and its manager answers us."""
    enabled: str
    """What systemctl says; empty where it does not answer."""
    active: str
    user: str
    lingers: bool
    """A user's units start with the machine, not at the first login."""


def observe_service(layout: Layout, user: str) -> ServiceFacts:
    """Look at the manager and the unit. Changes nothing.

    user: who runs this.
    """
    system, name = os.geteuid() == 0, unit_name(layout)
    found = shutil.which("systemctl")
    systemctl = Path(found) if found else None
    manages = systemctl is not None and _RUNS_SYSTEMD.is_dir()
    path = unit_folder(system) / name
    return ServiceFacts(
        name=name,
        path=path,
        text=path.read_text(encoding="utf-8") if path.is_file() else None,
        system=system,
        systemctl=systemctl,
        manages=manages,
        enabled=_ask(systemctl, system, "is-enabled", name) if systemctl and manages else "",
        active=_ask(systemctl, system, "is-active", name) if systemctl and manages else "",
        user=user,
        lingers=system or (_LINGERS / user).exists(),
    )


def unit_name(layout: Layout) -> str:
    """stock-analysis.service for the default data folder; another one has its fingerprint in the name."""
    if layout.root == data_folder(None, {}, os.geteuid()):
        return "stock-analysis.service"
    return f"stock-analysis-{hashlib.sha256(os.fsencode(layout.root)).hexdigest()[:8]}.service"


def unit_folder(system: bool) -> Path:
    """Where units of the machine, or of this user, belong."""
    if system:
        return Path("/etc/systemd/system")
    settings = os.environ.get("XDG_CONFIG_HOME")
    return (Path(settings) if settings else Path.home() / ".config") / "systemd/user"


def _ask(systemctl: Path, system: bool, question: str, name: str) -> str:
    command = [f"{systemctl}", *([] if system else ["--user"]), question, name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return "no answer"
    return done.stdout.strip() or done.stderr.strip()
