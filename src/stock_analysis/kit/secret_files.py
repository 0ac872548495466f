"""Secrets that may change while a process runs: read at each use, the newest value first."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from stock_analysis.kit.errors import KitError

LONGEST_BYTES = 4096
MOST_VALUES = 2


class SecretFileError(KitError, OSError):
    """The file of a secret cannot be read, or holds none."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in a file, or a value that stays as it is, or none at all."""

    file: Path | None = None
    value: SecretStr | None = None
    may_be_empty: bool = False
    """An empty file means that there is none yet, so that one can begin without a restart."""

    def read(self) -> tuple[str, ...]:
        """Every value that may be valid now, the newest first; empty where there is no secret.

        More than one while the secret is changed: the server may know the new one already, or not yet.
        Raises SecretFileError.
        """
        if self.file is not None:
            return read_file(self.file, may_be_empty=self.may_be_empty)
        return (self.value.get_secret_value(),) if self.value is not None else ()


def read_file(path: Path, *, may_be_empty: bool = False) -> tuple[str, ...]:
    """The lines of a secret's file, without their ends. Raises SecretFileError."""
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST_BYTES + 1)
        lines = content.decode().splitlines()
    except OSError as error:
        raise SecretFileError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SecretFileError(f"{path} holds no secret: it is not text in UTF-8") from error
    if len(content) > LONGEST_BYTES or not (not may_be_empty) <= len(lines) <= MOST_VALUES or not all(lines):
        raise SecretFileError(
            f"{path} must hold a secret: a line, and a second one while it is changed; "
            f"{LONGEST_BYTES} bytes at most"
        )
    return tuple(lines)
