"""What a storage's objects must prove before anything of them is used, and how new ones get their proof."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stock_ops.kit.errors import DamagedBackupError, OpsError
from stock_ops.storage.objects import REPOSITORY, ledger_object
from stock_ops.storage.owner import Owner, parse_owner
from stock_ops.storage.storage import MissingObjectError, Storage, read_bytes
from stock_ops.storage.tags import (
    AuthenticationKey,
    frame_of,
    is_equal,
    split_frame,
    split_tag,
    tag_of,
    with_tag,
)


class ForgedObjectError(DamagedBackupError):
    """An object that this instance did not write, or not there, or not in that order."""

    def __init__(self, name: str, where: str, reason: str) -> None:
        super().__init__(f"{name} in {where} is not what this instance wrote there: {reason}.", _TODO)
        self.reason = reason


class NoAuthenticationKeyError(OpsError):
    """Something must be written to a storage whose objects carry tags, and the key is not here."""


@dataclass(frozen=True, slots=True)
class Known:
    """What this machine remembers of a storage, so that nobody puts it back to an older state unnoticed."""

    storage_id: str = ""
    """Empty: it is only known that its objects carry tags."""
    ledger: int = 0
    """Number of the newest entry of its ledger that was seen or written here."""
    digest: str = ""
    """SHA-256 of that entry."""


class Authority:
    """Checks the objects of one storage. Reads `repository.json`, which says what must carry tags."""

    def __init__(
        self,
        storage: Storage,
        keys: Iterable[AuthenticationKey],
        read_known: Callable[[], Known | None] = lambda: None,
    ) -> None:
        self._storage, self._read_known = storage, read_known
        self._keys = {key.recipient: key for key in keys}
        self.ledger = 0
        """Number of the newest entry of the ledger that was read."""
        self._begun = ""
        self._owner: Owner | None = None
        self._is_read = False
        self.unchecked = ""
        """Why nothing can be checked here; empty where it can, or where there is nothing to check."""

    def over(self, storage: Storage) -> "Authority":
        """For another storage, with the same keys and the same memory."""
        return Authority(storage, self._keys.values(), self._read_known)

    @property
    def known(self) -> Known | None:
        """What this machine remembers of the storage now; of one that was begun anew here, that it was."""
        known = self._read_known()
        if self._begun and (known is None or known.storage_id != self._begun):
            return Known(self._begun)
        return known

    def begin(self, storage_id: str) -> None:
        """An empty storage was begun here: what is remembered of one in its place is of the past."""
        self._begun = storage_id

    @property
    def owner(self) -> Owner | None:
        """As `repository.json` says, authenticated if it can be."""
        if not self._is_read:
            try:
                self.read_repository()
            except MissingObjectError:
                return None
        return self._owner

    @property
    def storage_id(self) -> str:
        """Of a storage whose objects carry tags; empty for another one."""
        return self.owner.storage_id if self.owner else ""

    @property
    def checks(self) -> bool:
        """Whether objects are checked: they must carry tags, and the key is here."""
        return bool(self.storage_id) and not self.unchecked

    def refuse_without_key(self) -> None:
        """Raise NoAuthenticationKeyError where the objects carry tags that nothing here can check."""
        if self.owner and self.owner.storage_id:
            self._key(self.owner)

    def has_key(self, recipient: str) -> bool:
        """Whether the key is here that authenticates what is sealed for a public key."""
        return recipient in self._keys

    def read_repository(self) -> bytes:
        """The text of `repository.json`, checked. Raises MissingObjectError, ForgedObjectError."""
        self._owner, self.unchecked = None, ""
        try:
            data = read_bytes(self._storage, REPOSITORY)
        except MissingObjectError:
            self._is_read = True
            raise
        text, tag = split_tag(data)
        owner = parse_owner(self._storage.where, text) if tag is None else self._authenticated(text, tag)
        if owner.storage_id and tag is None:
            raise self.forged(REPOSITORY, "its tag is missing")
        self._refuse_other_state(owner)
        self._owner, self._is_read = owner, True
        return text

    def open_json(self, name: str, data: bytes) -> bytes:
        """The text of an object. Raises ForgedObjectError."""
        text, tag = split_tag(data)
        if self.checks:
            self._refuse_untrue(name, text, tag)
        elif not self.storage_id:
            self._refuse_without_tags(name, has_tag=tag is not None)
        return text

    def tag_json(self, name: str, text: bytes) -> bytes:
        """What is stored for a text. Raises NoAuthenticationKeyError."""
        if name == REPOSITORY:
            owner = parse_owner(self._storage.where, text)
            if not owner.storage_id:
                return text
            return with_tag(text, tag_of(self._key(owner), "", name, text))
        if not self.storage_id:
            return text
        return with_tag(text, self._tag(name, text))

    def frame_log(self, name: str, compressed: bytes) -> bytes:
        """What is sealed for compressed log. Raises NoAuthenticationKeyError."""
        if not self.storage_id:
            return compressed
        known = self.known
        ledger = known.ledger if known else 0
        return frame_of(self._tag(name, compressed, ledger), ledger) + compressed

    def open_log(self, name: str, data: bytes) -> bytes:
        """The compressed log in what was sealed. Raises ForgedObjectError."""
        frame, compressed = split_frame(data)
        if not self.checks:
            if not self.storage_id:
                self._refuse_without_tags(name, has_tag=frame is not None)
            return compressed
        if frame is None:
            if self.owner and self.owner.before and self.owner.before.has_log(name):
                return compressed
            raise self.forged(name, "its tag is missing")
        if not is_equal(frame.tag, self._tag(name, compressed, frame.ledger)):
            raise self.forged(name, "its tag does not fit its name and content")
        if frame.ledger > self.ledger and self._storage.head(ledger_object(frame.ledger)) is None:
            raise self.forged(
                ledger_object(frame.ledger), f"it is missing, and {name} was shipped after it was written"
            )
        return compressed

    def forged(self, name: str, why: str) -> ForgedObjectError:
        """The error for an object."""
        return ForgedObjectError(name, self._storage.where, why)

    def _key(self, owner: Owner) -> AuthenticationKey:
        if key := self._keys.get(owner.recipient):
            return key
        raise NoAuthenticationKeyError(
            f"The objects in {self._storage.where} carry tags, and nothing without one goes there, "
            "but the key for that is not here.",
            "Put the private key back in its place (key_file) and run: stockops up",
        )

    def _authenticated(self, text: bytes, tag: bytes) -> Owner:
        if any(is_equal(tag, tag_of(key, "", REPOSITORY, text)) for key in self._keys.values()):
            return parse_owner(self._storage.where, text)
        owner = parse_owner(self._storage.where, text)
        if owner.recipient in self._keys:
            raise self.forged(REPOSITORY, "its tag does not fit its content")
        self.unchecked = f"the key that authenticates them is not here (of {owner.recipient})"
        return owner

    def _refuse_without_tags(self, name: str, *, has_tag: bool) -> None:
        """Nothing says that the objects carry tags: then none may carry one, and nobody may remember any."""
        if has_tag:
            raise self.forged(REPOSITORY, f"{name} carries a tag, but {REPOSITORY} knows nothing of tags")
        if self.known is not None:
            raise self.forged(REPOSITORY, "the backups of this key carry tags, and it knows nothing of them")

    def _tag(self, name: str, content: bytes, ledger: int = 0) -> bytes:
        owner = self.owner
        if owner is None:
            raise MissingObjectError(REPOSITORY)
        return tag_of(self._key(owner), owner.storage_id, name, content, ledger)

    def _refuse_untrue(self, name: str, text: bytes, tag: bytes | None) -> None:
        if tag is None:
            before = self.owner.before if self.owner else None
            if before and before.objects.get(name) == hashlib.sha256(text).hexdigest():
                return
            raise self.forged(name, "its tag is missing")
        if not is_equal(tag, self._tag(name, text)):
            raise self.forged(name, "its tag does not fit its name and content")

    def _refuse_other_state(self, owner: Owner) -> None:
        """A storage that was authenticated once never counts as one that is not."""
        known = self.known
        if known is None or (known.storage_id or owner.storage_id) == owner.storage_id != "":
            return
        if not owner.storage_id:
            raise self.forged(REPOSITORY, "the backups of this key carry tags, and it knows nothing of them")
        raise self.forged(REPOSITORY, f"it is of storage {owner.storage_id}, not {known.storage_id}")


_TODO = (
    "Somebody may have changed the storage (`stockops runbook backup-forged`): "
    "use a copy that you trust (--storage), or an older backup (`stockops backup list`)."
)
