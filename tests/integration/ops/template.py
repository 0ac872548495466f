"""The data of an instance that ran before, to be copied: a test of a later start needs no first one."""

import json
import shutil
import subprocess
from functools import partial
from pathlib import Path

from stock_ops.kit.layout import Layout
from stock_ops.local.plans.settings import SLOT
from tests.integration.ops.instance import Instance
from tests.room import shared


class Template:
    """Made by one real start and stop, once in a run; a copy has its own ports, key and archive."""

    def __init__(self, *, stub: bool) -> None:
        self._data = shared("stub" if stub else "real", partial(_make, stub=stub)) / "data"

    def give(self, instance: Instance) -> None:
        """Its data folder, as the start of long ago left it."""
        subprocess.run(["cp", "-a", f"{self._data}", f"{instance.data}"], check=True)


_CHEAPER = "UPDATE instrument SET exchange = 'XNYS' WHERE exchange = 'XKRX'"
"""A platform that starts builds the calendars of its instruments; this one takes 2.5 s of the processor."""


def _make(base: Path, *, stub: bool) -> None:
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir()
    base.chmod(0o711)
    instance = Instance(base / "data", stub=stub)
    instance.up()
    if not stub:
        instance.sql(_CHEAPER)
    instance.down()
    _forget_whose_it_was(instance.layout)


def _forget_whose_it_was(layout: Layout) -> None:
    memory = json.loads(layout.memory.read_text())
    layout.memory.write_text(json.dumps(memory | {"ports": {}}))
    layout.recipient.unlink()
    layout.backup_places.unlink()
    for folder in (layout.backup, layout.logs, layout.postgresql / "pg_replslot" / SLOT):
        shutil.rmtree(folder)
