"""The memory of the part `backup`: each change is on the disk, whole or not at all, before it counts."""

import threading
from dataclasses import replace
from typing import Any

from stock_ops.kit.errors import FolderError
from stock_ops.kit.files import write_whole
from stock_ops.kit.layout import Layout
from stock_ops.kit.wanted import NewFile
from stock_ops.local.facts.part import PartMemory, dump_part_memory, read_part_memory


class Remembered:
    """The memory; several threads change it."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.backup_state
        self._turn = threading.Lock()
        self.value: PartMemory = read_part_memory(layout)

    def change(self, **changes: Any) -> None:
        """Change and write it. Raises FolderError; the memory is unchanged then."""
        with self._turn:
            changed = replace(self.value, **changes)
            if changed == self.value:
                return
            try:
                write_whole(NewFile(self._path, dump_part_memory(changed)))
            except OSError as error:
                raise FolderError(f"{self._path}: {error.strerror}.", "See to that disk.") from error
            self.value = changed
