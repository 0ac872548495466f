"""The key pair of the backups, drawn at the first start."""

from stock_ops.errors import FolderError
from stock_ops.plans.steps import DrawKey, NewFile
from stock_ops.repository.keys import draw_identity
from stock_ops.runners.files import write_whole


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
