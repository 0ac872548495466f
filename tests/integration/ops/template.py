"""The data of an instance that ran before, to be copied: a test of a later start needs no first one."""

import fcntl
import json
import shutil
import subprocess
from pathlib import Path

from stock_ops.local.plans.settings import SLOT
from tests.integration.ops.instance import Instance
from tests.room import shared


class Template:
    """Made by one real start and stop, once in a run; a copy has its own ports, key and archive."""

    def __init__(self, *, stub: bool) -> None:
        base = shared("stub" if stub else "real")
        self._instance = Instance(base / "data", stub=stub)
        with base.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (base / "made").exists():
                self._make(base)
                (base / "made").touch()

    def _make(self, base: Path) -> None:
        shutil.rmtree(base, ignore_errors=True)
        base.mkdir()
        base.chmod(0o711)
        self._instance.up()
        self._instance.down()
        self._forget_whose_it_was()

    def give(self, instance: Instance) -> None:
        """Its data folder, as the start of long ago left it."""
        subprocess.run(["cp", "-a", f"{self._instance.data}", f"{instance.data}"], check=True)

    def _forget_whose_it_was(self) -> None:
        layout = self._instance.layout
        memory = json.loads(layout.memory.read_text())
        layout.memory.write_text(json.dumps(memory | {"ports": {}}))
        layout.recipient.unlink()
        for folder in (layout.backup, layout.logs, layout.postgresql / "pg_replslot" / SLOT):
            shutil.rmtree(folder)
