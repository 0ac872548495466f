"""Delete old backups, one object after another; after any interruption the next prune does the rest."""

from stock_ops.backup.plans.prune import Deletion
from stock_ops.kit.errors import OpsError, StoppedByUserError
from stock_ops.kit.report import Report
from stock_ops.kit.signals import signals_interrupt
from stock_ops.storage.objects import backup_of
from stock_ops.storage.storage import Storage, StorageError, delete_if_allowed


def run_prune(steps: tuple[Deletion, ...], storage: Storage, report: Report) -> tuple[str, ...]:
    """Do the deletions in order, and return what is left because the storage's retention keeps it.

    A backup whose manifest is kept is a backup still: it needs what comes after, so that stays, too.
    Only for the holder of the lock of the backups.
    Raises StorageError, StoppedByUserError: what was to stay is untouched.
    """
    kept: list[str] = []
    during = "the prune"
    with signals_interrupt():
        try:
            for step in steps:
                during = step.title
                with report.step(step.title, step.detail, quiet=False):
                    kept += _delete(step, storage)
                if step.names[0] in kept:
                    return tuple(name for later in steps[steps.index(step) :] for name in later.names)
        except KeyboardInterrupt as interrupt:
            raise StoppedByUserError(during, "Everything to be kept is untouched.") from interrupt
        except StorageError as error:
            raise StorageError(f"{error.why} Everything to be kept is untouched.", _rerun(error)) from error
    return tuple(kept)


def delete_quietly(steps: tuple[Deletion, ...], storage: Storage) -> tuple[str, ...]:
    """As run_prune, for a thread of a program that tells nothing and has its own way with signals."""
    kept: list[str] = []
    for number, step in enumerate(steps):
        kept += _delete(step, storage)
        if step.names[0] in kept:
            return tuple(name for later in steps[number:] for name in later.names)
    return tuple(kept)


def _delete(step: Deletion, storage: Storage) -> list[str]:
    """What the storage keeps: of a backup each object, else all from the first one on."""
    kept: list[str] = []
    for name in step.names:
        if (kept and backup_of(name) is None) or not delete_if_allowed(storage, name):
            kept.append(name)
            if name == step.names[0]:
                return list(step.names)
    return kept


def _rerun(error: OpsError) -> str:
    return f"{error.todo} Then run it again: it goes on (stockops backup prune)."
