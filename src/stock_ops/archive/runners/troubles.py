"""The present troubles of the part `backup`: each is told once, not at every try."""

import logging
from dataclasses import dataclass, field

from stock_ops.kit.errors import OpsError

log = logging.getLogger("stockops.backup")


@dataclass(slots=True)
class Troubles:
    """By the work that they hinder: storage, shipping, receiving, writers, server, memory, heartbeat."""

    failures: int = 0
    """Of receiving and shipping, since the part began."""
    standing: dict[str, OpsError] = field(default_factory=dict)

    def note(self, task: str, error: OpsError) -> None:
        """It failed; said when it is new."""
        before = self.standing.get(task)
        self.failures += task in _OF_THE_LOG
        self.standing[task] = error
        if before is None or before.why != error.why:
            log.error("%s: %s %s", task, error.why, error.todo)

    def clear(self, task: str) -> None:
        """It works; said when it did not before."""
        if self.standing.pop(task, None):
            log.info("%s: it works again", task)

    @property
    def last_error(self) -> str | None:
        """The trouble that endangers the most, in one line."""
        found = (self.standing[task].why for task in _ORDER if task in self.standing)
        return next(found, None)


_OF_THE_LOG = frozenset({"storage", "shipping", "writers", "receiving"})
_ORDER = ("writers", "storage", "shipping", "receiving", "server", "memory", "heartbeat")
