"""Write the unit and have systemd start it with the machine, or take it away again."""

import subprocess

from stock_ops.kit.errors import FolderError, PartError
from stock_ops.kit.files import write_whole
from stock_ops.kit.wanted import NewFile
from stock_ops.local.facts.service import ServiceFacts

_TIMEOUT_S = 60.0


def install_unit(facts: ServiceFacts, text: str) -> None:
    """Write the unit and enable it. It starts with the machine; nothing is started now."""
    try:
        facts.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(NewFile(facts.path, text))
        facts.path.chmod(0o644)
    except OSError as error:
        raise FolderError(
            f"The unit cannot be written to {facts.path}: {error.strerror}.", "See to that folder."
        ) from error
    _systemctl(facts, "daemon-reload")
    _systemctl(facts, "enable", facts.name)


def remove_unit(facts: ServiceFacts) -> None:
    """Disable the unit and delete its file. What runs goes on."""
    _systemctl(facts, "disable", facts.name)
    facts.path.unlink(missing_ok=True)
    _systemctl(facts, "daemon-reload")


def _systemctl(facts: ServiceFacts, *words: str) -> None:
    command = [f"{facts.systemctl}", *([] if facts.system else ["--user"]), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        why = " ".join((done.stderr or done.stdout).split()) if done.returncode else ""
    except subprocess.TimeoutExpired:
        why = f"no answer within {_TIMEOUT_S:g} s"
    if why:
        raise PartError(f"systemctl {' '.join(words)} failed: {why}", "See to that, then run this again.")
