"""The files of an instance: its memory, its passwords, its copies of the servers' programs."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from stock_ops.kit.files import remove, write_whole
from stock_ops.kit.wanted import UNFINISHED, NewFile
from stock_ops.local.facts.instance import Memory, Secrets
from stock_ops.local.plans.steps import CopyProgram

_NOT_NEEDED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "*.py", "*.pyc", "__pycache__")


def write_memory(path: Path, memory: Memory) -> None:
    """Write instance.json."""
    write_whole(NewFile(path, json.dumps(asdict(memory), indent=2) + "\n"))


def write_secrets(path: Path, secrets: Secrets) -> None:
    """Write secrets.json."""
    write_whole(NewFile(path, json.dumps(asdict(secrets), indent=2) + "\n"))


def copy_program(step: CopyProgram) -> None:
    """Copy a server's package and its libraries; older versions of it go."""
    unfinished = step.target.with_name(step.target.name + UNFINISHED)
    remove(unfinished)
    shutil.copytree(
        step.wheel.package, unfinished / step.wheel.package.name, ignore=_NOT_NEEDED, symlinks=True
    )
    if step.wheel.libraries:
        shutil.copytree(step.wheel.libraries, unfinished / step.wheel.libraries.name)
    for folder in (unfinished, *(path for path in unfinished.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    unfinished.rename(step.target)
    for old in step.target.parent.glob(f"{step.wheel.distribution}-*"):
        if old != step.target:
            remove(old)
