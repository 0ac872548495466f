"""`stockops backup run`: the part that the supervisor keeps running."""

from stock_ops.kit.layout import Layout
from stock_ops.kit.verbs import Data, layout_of, run_verb


def run(data: Data = None) -> None:
    """Archive the log and make backups on schedule, until SIGTERM. `stockops up` starts this."""
    run_verb("backup run", as_json=False, run=lambda _: _run(layout_of(data)))


def _run(layout: Layout) -> int:
    from stock_ops.watch.runners.part import run_backup_part  # late: it takes long to load

    run_backup_part(layout)
    return 0
