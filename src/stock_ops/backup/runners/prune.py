"""Delete old backups, one object after another; after any interruption the next prune does the rest."""

from stock_ops.backup.plans.prune import Deletion
from stock_ops.kit.errors import OpsError, StoppedByUserError
from stock_ops.kit.report import Report
from stock_ops.kit.signals import signals_interrupt
from stock_ops.storage.storage import Storage, StorageError


def run_prune(steps: tuple[Deletion, ...], storage: Storage, report: Report) -> None:
    """Do the deletions in order. Only for the holder of the lock of the backups.

    Raises StorageError, StoppedByUserError: what was to stay is untouched.
    """
    during = "the prune"
    with signals_interrupt():
        try:
            for step in steps:
                during = step.title
                with report.step(step.title, step.detail, quiet=False):
                    _delete(step, storage)
        except KeyboardInterrupt as interrupt:
            raise StoppedByUserError(during, "Everything to be kept is untouched.") from interrupt
        except StorageError as error:
            raise StorageError(f"{error.why} Everything to be kept is untouched.", _rerun(error)) from error


def _delete(step: Deletion, storage: Storage) -> None:
    for name in step.names:
        storage.delete(name)


def _rerun(error: OpsError) -> str:
    return f"{error.todo} Then run it again: it goes on (stockops backup prune)."
