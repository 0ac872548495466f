"""The servers beside the part, their disks and the structure of the database, looked at now and then."""

import asyncio
from collections import deque
from dataclasses import replace

from stock_ops.archive.runners.clock import steady_s
from stock_ops.archive.runners.threads import in_thread
from stock_ops.kit.container import in_container
from stock_ops.kit.layout import PARTS, Layout
from stock_ops.local.facts.condition import observe_parts
from stock_ops.local.facts.disk import Disk, observe_disks
from stock_ops.local.facts.local_state import LocalState, PartTrouble
from stock_ops.local.facts.structure import Structure, expected_structure, observe_structure
from stock_ops.local.plans.status import troubles_of
from stock_ops.watch.plans.trend import Sample, full_in

_EVERY_S = 15.0
_WATCHED = 240
"""So many looks make the trend: an hour."""


class Surroundings:
    """The last look is `state`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._samples: dict[str, deque[Sample]] = {}
        self._before: frozenset[str] = frozenset()
        self._expected: Structure | None = expected_structure()
        self.state = LocalState()

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.state = await in_thread(self._look)
            await asyncio.sleep(_EVERY_S)

    def _look(self) -> LocalState:
        others = [name for name in PARTS if name != "backup"]
        parts = () if in_container() else observe_parts(self._layout, others)
        troubles = troubles_of(parts)  # other containers are judged from outside: `stockops status`
        return LocalState(
            troubles=self._lasting(troubles),
            disks=tuple(map(self._watched, observe_disks(self._layout))),
            live=observe_structure(self._layout),
            expected=self._expected,
        )

    def _lasting(self, troubles: tuple[PartTrouble, ...]) -> tuple[PartTrouble, ...]:
        """Those that were there at the look before, too: a part that has just been started is no trouble."""
        before, self._before = self._before, frozenset(one.name for one in troubles)
        return tuple(one for one in troubles if one.name in before)

    def _watched(self, disk: Disk) -> Disk:
        samples = self._samples.setdefault(disk.folder, deque(maxlen=_WATCHED))
        samples.append(Sample(steady_s(), disk.free_bytes, disk.free_inodes))
        return replace(disk, full_in_s=full_in(samples), seen_s=samples[-1].at_s - samples[0].at_s)
