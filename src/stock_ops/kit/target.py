"""Where an instance runs: on this machine, or in containers. Remembered in its data folder."""

import os
from collections.abc import Mapping

from stock_ops.kit.errors import CorruptFileError, OpsError
from stock_ops.kit.layout import Layout

LOCAL, COMPOSE = "local", "compose"
TARGETS = (LOCAL, COMPOSE)
KUBERNETES = "kubernetes"
"""No data folder belongs to it: an environment file says where its instances run."""
VARIABLE = "STOCKOPS_TARGET"
"""The side that a process belongs to while an instance moves."""


class OtherTargetError(OpsError):
    """The data folder belongs to another target than the one that was named."""

    def __init__(self, layout: Layout, remembered: str, named: str) -> None:
        super().__init__(
            f"The instance in {layout.root} runs on the target {remembered}, not {named}.",
            f"Leave --target out, choose another folder with --data, or take the instance there: "
            f"stockops move --to {named} --data {layout.root}",
        )


def read_target(layout: Layout) -> str | None:
    """The target that the data folder remembers; None before its first start.

    A folder of a release that knew no other target than local names none. Raises CorruptFileError.
    """
    try:
        found = layout.target.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return LOCAL if layout.memory.exists() else None
    except (OSError, ValueError) as error:
        raise CorruptFileError(layout.target, str(error), _TODO) from error
    if found not in TARGETS:
        raise CorruptFileError(layout.target, f"{found[:20]!r} is no target", _TODO)
    return found


_TODO = "Write there where the instance runs: local or compose."


def choose_target(layout: Layout, named: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """The target of a verb: the remembered one, else the named one, else local.

    A process that belongs to one side, whatever is remembered meanwhile, says so by its environment.
    Raises OtherTargetError when both are there and differ, CorruptFileError.
    """
    if own := environ.get(VARIABLE):
        return own
    remembered = read_target(layout)
    if remembered and named and named != remembered:
        raise OtherTargetError(layout, remembered, named)
    return remembered or named or LOCAL
