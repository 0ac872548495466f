"""The spool: log that pg_receivewal has written and that has not been archived yet."""

import os
from collections.abc import Iterator
from pathlib import Path

_PAGE_BYTES = 8192
_SIGN_BYTES = 8
"""The beginning of a page's header, which is never all zeros once the page was written."""


def list_spool(folder: Path) -> dict[str, int]:
    """Names and sizes of the files. Raises OSError."""
    return dict(_sizes(folder))


def written_bytes(path: Path) -> int:
    """How far a segment was written: up to its last byte that is no zero.

    pg_receivewal makes the file as long as a segment, of zeros, and writes it from its beginning.
    """
    with path.open("rb") as file:
        handle = file.fileno()
        first, end = 0, os.fstat(handle).st_size // _PAGE_BYTES
        while first < end:
            middle = (first + end) // 2
            if any(os.pread(handle, _SIGN_BYTES, middle * _PAGE_BYTES)):
                first = middle + 1
            else:
                end = middle
        if not first:
            return 0
        start = (first - 1) * _PAGE_BYTES
        return start + len(os.pread(handle, _PAGE_BYTES, start).rstrip(b"\0"))


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                yield entry.name, entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:  # it was shipped, or became whole, just now
                continue
