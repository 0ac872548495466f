"""Hold a storage for this instance, as long as nobody else took it."""

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from stock_ops.archive.facts.identity import Here, Identity, dump_identity, observe_here, read_identity_of
from stock_ops.archive.plans.lease import (
    KEPT,
    RENEW_S,
    Contested,
    explain,
    explain_other_bytes,
    is_at_home,
    judge,
    sessions_with,
)
from stock_ops.archive.runners.clock import steady_s
from stock_ops.kit.errors import FolderError
from stock_ops.kit.files import write_whole
from stock_ops.kit.layout import Layout
from stock_ops.kit.wanted import NewFile
from stock_ops.storage.storage import (
    ExistingObjectError,
    MissingObjectError,
    Storage,
    StorageError,
    delete_if_allowed,
    read_bytes,
    write_once,
)
from stock_ops.storage.writers import (
    TwoWritersError,
    Writer,
    dump_writer,
    newest_writer,
    read_writers,
    writer_object,
)

_TRIES = 5


class Lease:
    """What this process holds of a storage."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._held: Writer | None = None
        self.keeps_first: bool | None = None
        """Whether the storage itself lets one of two writers fail that come at once; None: not tried yet."""
        self._taken_s = 0.0

    def hold(self, storage: Storage) -> None:
        """See that the storage is ours, and take it where it is; renewed now and then.

        Raises TwoWritersError naming both, StorageError, FolderError.
        """
        held = self._held
        if held and steady_s() - self._taken_s < RENEW_S and _is_newest(storage, held):
            return
        self._held = None
        self._held, self._taken_s = take(self._layout, storage), steady_s()
        if self.keeps_first is None:
            self.keeps_first = storage.keeps_first(writer_object(self._held.epoch))

    def refuse_other_bytes(self, storage: Storage, name: str) -> TwoWritersError:
        """An object that is there already is not what this server wrote."""
        identity = read_identity_of(self._layout)
        return explain_other_bytes(
            storage.where, name, newest_writer(storage), observe_here(self._layout, identity)
        )


def take(layout: Layout, storage: Storage) -> Writer:
    """Write the next epoch, if the storage is this instance's. Raises as Lease.hold."""
    for _ in range(_TRIES):
        identity = read_identity_of(layout)
        here, holder = observe_here(layout, identity), newest_writer(storage)
        verdict = judge(identity, here, holder)
        if isinstance(verdict, Contested):
            raise explain(storage.where, verdict, here)
        if identity is None or verdict.anew:
            identity = Identity(uuid4().hex, here.place)
        if writer := _write(layout, storage, identity, here, verdict.epoch):
            return writer
    raise StorageError(
        f"{storage.where} does not keep what says who writes there.",
        "See that no two instances start at once, and try again.",
    )


def take_over(layout: Layout, storage: Storage) -> tuple[Writer | None, Writer]:
    """Take the storage from whoever holds it, as an instance that is drawn now: who held it, and who does."""
    for _ in range(_TRIES):
        here, holder = observe_here(layout, None), newest_writer(storage)
        identity = Identity(uuid4().hex, here.place)
        if writer := _write(layout, storage, identity, here, (holder.epoch if holder else 0) + 1):
            return holder, writer
    raise StorageError(
        f"{storage.where} does not keep what says who writes there.",
        "Stop the other instance, and try again.",
    )


def forget(layout: Layout) -> None:
    """Be another instance from the next start on."""
    layout.identity.unlink(missing_ok=True)


def find_other_writer(layout: Layout, storage: Storage) -> TwoWritersError | None:
    """Why this instance may not write to a storage; None where it may, or nobody has taken it yet."""
    try:
        identity, holder = read_identity_of(layout), newest_writer(storage)
    except TwoWritersError as error:
        return error
    here = observe_here(layout, identity)
    verdict = judge(identity, here, holder)
    return explain(storage.where, verdict, here) if isinstance(verdict, Contested) else None


def explain_copy(where: str, holder: Writer | None, mine: Writer | None, name: str = "") -> TwoWritersError:
    """A copy of the storage that another instance writes to, or that holds another object of that name."""
    other = f"{holder}" if holder else "an instance that left no entry"
    me = f"{mine}" if mine else "this one"
    what = f"holds another {name} than the first storage" if name else f"was written last by {other}"
    return TwoWritersError(
        f"Two writers: the copy {where} {what}; {me} wants to write there, too. "
        "Nothing goes there meanwhile.",
        "Name another place in [[copy]] in backup.toml (docs/runbooks/two-writers.md); or, if this is the "
        "true instance: stockops backup writer take-over",
    )


def refuse_unless_held(layout: Layout, storage: Storage) -> None:
    """Raise TwoWritersError when another instance holds the storage; nobody holding it is no reason."""
    if trouble := find_other_writer(layout, storage):
        raise trouble


def is_copy(layout: Layout) -> bool:
    """Whether the folder was copied from where its identity was drawn."""
    identity = read_identity_of(layout)
    return identity is not None and not is_at_home(identity, observe_here(layout, identity))


def _write(layout: Layout, storage: Storage, identity: Identity, here: Here, epoch: int) -> Writer | None:
    """None: somebody else was first."""
    session, place = uuid4().hex, here.place
    noted = replace(identity, place=place, sessions=sessions_with(identity, session))
    _remember(layout, noted)
    writer = Writer(epoch, identity.instance, session, here.host, place.folder, datetime.now(UTC))
    try:
        write_once(storage, writer_object(epoch), dump_writer(writer))
    except ExistingObjectError:
        return None
    if read_bytes(storage, writer_object(epoch)) != dump_writer(writer):
        return None
    _remember(layout, replace(noted, epoch=epoch, sessions=(session,)))
    for old in read_writers(storage)[:-KEPT]:
        delete_if_allowed(storage, writer_object(old.epoch))
    return writer


def _is_newest(storage: Storage, held: Writer) -> bool:
    if storage.head(writer_object(held.epoch + 1)) is not None:
        return False
    with contextlib.suppress(MissingObjectError):
        return read_bytes(storage, writer_object(held.epoch)) == dump_writer(held)
    return False


def _remember(layout: Layout, identity: Identity) -> None:
    try:
        write_whole(NewFile(layout.identity, dump_identity(identity)))
    except OSError as error:
        raise FolderError(f"{layout.identity}: {error.strerror}.", "See to that disk.") from error
