"""The data of an instance that ran before, to be copied: a test of a later start needs no first one."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from stock_ops.plans.settings import SLOT
from tests.integration.ops.instance import Instance


class Template:
    """Made by one real start and stop; a copy has its own ports, key and archive."""

    def __init__(self, *, stub: bool) -> None:
        self._base = Path(tempfile.mkdtemp(prefix="stockops-template-", dir="/tmp"))
        self._base.chmod(0o711)
        self._instance = Instance(self._base / "data", stub=stub)
        self._instance.up()
        self._instance.down()
        self._forget_whose_it_was()

    def give(self, instance: Instance) -> None:
        """Its data folder, as the start of long ago left it."""
        subprocess.run(["cp", "-a", f"{self._instance.data}", f"{instance.data}"], check=True)

    def remove(self) -> None:
        """Its folder."""
        shutil.rmtree(self._base, ignore_errors=True)

    def _forget_whose_it_was(self) -> None:
        layout = self._instance.layout
        memory = json.loads(layout.memory.read_text())
        layout.memory.write_text(json.dumps(memory | {"ports": {}}))
        layout.recipient.unlink()
        for folder in (layout.backup, layout.logs, layout.postgresql / "pg_replslot" / SLOT):
            shutil.rmtree(folder)
