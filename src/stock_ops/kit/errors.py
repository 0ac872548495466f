"""The errors of operations: each says why, and what to do."""

import json
from datetime import datetime
from pathlib import Path


class OpsError(Exception):
    """The root of all errors. `why` is one line, `todo` tells the operator the next step."""

    exit_code = 1
    details: tuple[str, ...] = ()
    """Lines that were shown before, for programs."""

    def __init__(self, why: str, todo: str) -> None:
        super().__init__(why)
        self.why = why
        self.todo = todo

    @property
    def kind(self) -> str:
        """Name of the error for programs that read the JSON."""
        return type(self).__name__


class BusyError(OpsError):
    """Another stockops works on this data folder."""

    def __init__(self, holder: str) -> None:
        self.holder = holder
        super().__init__(
            f"Another stockops is at work on this data folder: {holder}.",
            "Wait until it ends, then run this again.",
        )


class RestoreRunsError(OpsError):
    """A restore works on the data folder, and is nothing that `down` stops."""

    def __init__(self, holder: str) -> None:
        super().__init__(
            f"A restore runs on this data folder: {holder}. Nothing else runs, and nothing was stopped.",
            "Wait until it ends; or end it (Ctrl-C where it runs, or SIGTERM to its pid): no data are lost, "
            "and the same command goes on later.",
        )


class PortTakenError(OpsError):
    """Another program listens on the port."""

    def __init__(self, host: str, port: int, holder: str, free: int) -> None:
        super().__init__(
            f"Port {port} on {host} is taken by {holder}.",
            f"Stop that program, or choose another port, for example: stockops up --port {free}",
        )
        self.port = port


class DiskFullError(OpsError):
    """There is not enough room for the data."""

    def __init__(self, folder: Path, free_bytes: int, need_bytes: int) -> None:
        super().__init__(
            f"The disk that holds {folder} is full: {megabytes(free_bytes)} free, "
            f"{megabytes(need_bytes)} needed.",
            "Free some space there, or choose another folder with --data. Existing data are kept.",
        )
        self.free_bytes = free_bytes
        self.need_bytes = need_bytes


class FolderError(OpsError):
    """The data folder cannot be used."""


class CorruptFileError(OpsError):
    """A file that stockops must understand makes no sense."""

    def __init__(self, path: Path, reason: str, todo: str) -> None:
        super().__init__(f"{path} cannot be read: {reason}.", todo)
        self.path = path


class ForeignDataError(OpsError):
    """The data folder was made by something this release does not understand."""


class MissingProgramError(OpsError):
    """A program that is needed is not installed."""


class ConflictingSettingsError(OpsError):
    """A setting that stockops itself decides was given in another place."""


class SettingError(OpsError):
    """A value in the operator's own settings cannot be used."""

    def __init__(self, path: Path, key: str, value: object, wanted: str) -> None:
        super().__init__(f"{path}: {key} = {_short(value)} cannot be used.", f"Write there {wanted}")
        self.path = path
        self.key = key


class RefusedSettingsError(OpsError):
    """The platform cannot use the operator's own settings."""

    def __init__(self, path: Path, words: str) -> None:
        super().__init__(
            f"The platform refuses its settings: {words}", f"Correct {path}, then run this again."
        )


class AddressError(OpsError):
    """Nobody may listen at the public address, whether it is free or not."""

    def __init__(self, host: str, port: int, reason: str, todo: str) -> None:
        super().__init__(f"The platform cannot listen on {host}, port {port}: {reason}.", todo)
        self.port = port


class PartError(OpsError):
    """A part of the platform, or a command of it, did not do its work."""


class UnknownSecretError(OpsError):
    """There is no secret of that name."""

    exit_code = 2

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no secret {name!r}.", "Their names: stockops secrets show-names")


class SlowPartError(PartError):
    """Something is late, and has not failed: it goes on, and so does all that runs."""


class NoBackupError(OpsError):
    """There is nothing to restore."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} holds no backup.", "Name another storage with --storage.")


class OutOfReachError(OpsError):
    """The point that was asked for cannot be restored; `todo` says what can."""


class MissingWalError(OpsError):
    """Write-ahead log that leads to the point is not in the storage."""


class DamagedBackupError(OpsError):
    """A backup differs from what was written; an older one is never taken in its place unasked."""


class UnsoundDataError(OpsError):
    """Restored data contradict themselves, or the measurement at their backup."""


class UndetectedDamageError(OpsError):
    """A drill damaged something, and nothing noticed."""


class UnfitError(OpsError):
    """The backup and this release, or this data folder, do not fit each other."""


class LiveDataError(OpsError):
    """The data that a restore would replace are in use."""


class NotConfirmedError(OpsError):
    """The operator did not agree, or there was no terminal to ask on."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Nothing was done: {what} needs your consent.", "Answer yes, or add --yes.")


class ChangedMeanwhileError(OpsError):
    """More would be done now than the operator agreed to."""

    def __init__(self, what: str) -> None:
        why = f"Nothing was done: {what} would now do more than you agreed to."
        super().__init__(why, "Run it again, and look at the question.")


class UnfinishedRestoreError(OpsError):
    """A restore was cut off at its last step."""

    def __init__(self) -> None:
        super().__init__(
            "A restore was cut off while it put the restored data in place.",
            "Run again to finish it; it takes a moment: stockops restore --yes",
        )


class ForeignStorageError(OpsError):
    """The storage holds the backups of another instance, or of an unknown one."""


class TakenMarkError(OpsError):
    """A mark of that name was set before, or at least begun."""

    def __init__(self, name: str, at: datetime | None) -> None:
        when = (
            f"at {at:%Y-%m-%d %H:%M:%S} UTC" if at else "but was interrupted: its place in the log is unknown"
        )
        super().__init__(f"The mark {name} was set already, {when}.", "Choose another name.")


class ArchiveError(OpsError):
    """The write-ahead log does not get into the storage."""


class StoppedByUserError(OpsError):
    """The operator pressed Ctrl-C, or the session ended."""

    exit_code = 130

    def __init__(self, during: str, left: str) -> None:
        super().__init__(f"Interrupted during: {during}. {left}", "Run the same command again to go on.")


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def megabytes(size: int) -> str:
    """A size for people: MiB, below one KiB, below one of those bytes."""
    if 0 < size < 2**10:
        return f"{size} B"
    return f"{size / 2**10:,.0f} KiB" if 0 < size < 2**20 else f"{size / 2**20:,.0f} MiB"
