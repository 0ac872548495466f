"""The key pair of the backups, drawn at the first start."""

from stock_ops.kit.errors import FolderError
from stock_ops.kit.files import write_whole
from stock_ops.kit.wanted import NewFile
from stock_ops.local.plans.steps import DeriveKey, DrawKey
from stock_ops.storage.keys import authentication_key, draw_identity, dump_authentication_key, read_identity


def draw_key(step: DrawKey) -> None:
    """The private half first: a start that is cut off in between reads the public one from it."""
    try:
        recipient = draw_identity(step.key_file)
    except OSError as error:
        raise FolderError(
            f"The key of the backups cannot be written to {step.key_file}: {error.strerror}.",
            f"Name another place as key_file in {step.settings}, or write there: enabled = false",
        ) from error
    write_whole(NewFile(step.recipient, f"{recipient}\n"))


def derive_key(step: DeriveKey) -> None:
    """Raises LostKeyError."""
    key = authentication_key(read_identity(step.key_file))
    write_whole(NewFile(step.target, dump_authentication_key(key)))
