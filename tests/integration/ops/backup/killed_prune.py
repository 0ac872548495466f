"""`stockops backup prune --yes` that kills itself without warning: killed_prune DATA COUNT DELAY_S

COUNT is of the deletion after whose begin so long is waited. It uses the very functions of the command; only
the storage kills.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from stock_ops.backup.facts.retention import observe_retention
from stock_ops.backup.plans.prune import plan_prune
from stock_ops.backup.runners.prune import run_prune
from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.kit.files import exclusive
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import JsonReport
from stock_ops.storage.authority import Authority
from stock_ops.storage.storage import Storage, StoredObject


class KillingStorage:
    """Kills this process `delay_s` after a deletion has begun; without a delay, just before it."""

    def __init__(self, storage: Storage, count: int, delay_s: float) -> None:
        self._storage, self._count, self._delay_s = storage, count, delay_s

    @property
    def authority(self) -> Authority | None:
        return self._storage.authority

    @property
    def where(self) -> str:
        return self._storage.where

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        return self._storage.list(prefix)

    def head(self, name: str) -> StoredObject | None:
        return self._storage.head(name)

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        return self._storage.open(name)

    def create(self, name: str) -> AbstractContextManager[BinaryIO]:
        return self._storage.create(name)

    def create_once(self, name: str) -> AbstractContextManager[BinaryIO]:
        return self._storage.create_once(name)

    def delete(self, name: str) -> None:
        self._count -= 1
        if self._count == 0:
            if not self._delay_s:
                os.kill(os.getpid(), signal.SIGKILL)
            threading.Thread(target=self._kill, daemon=True).start()
        self._storage.delete(name)

    def keeps_first(self, name: str) -> bool:
        return self._storage.keeps_first(name)

    def free_bytes(self) -> int | None:
        return self._storage.free_bytes()

    def _kill(self) -> None:
        time.sleep(self._delay_s)
        os.kill(os.getpid(), signal.SIGKILL)


def main(data: str, count: str, delay_s: str) -> None:
    layout = Layout(Path(data))
    with exclusive(layout, "backup prune", layout.backup_lock, patience_s=60):
        facts = observe_retention(layout, read_backup_settings(layout))
        run_prune(
            plan_prune(facts).steps, KillingStorage(facts.storage, int(count), float(delay_s)), JsonReport()
        )
