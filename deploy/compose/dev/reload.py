"""Run a command, and again whenever a file below a folder has changed: reload.py FOLDER COMMAND...

For development alone. Standard library only, because the images have nothing else for it.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

_LOOK_S = 0.5
_GRACE_S = 10.0


def main(folder: Path, command: list[str]) -> int:
    """Until SIGTERM, which goes on to the command."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        seen, process = _state(folder), subprocess.Popen(command)
        try:
            while _state(folder) == seen:
                time.sleep(_LOOK_S)
        finally:
            _end(process)
        print(f"a file of {folder} has changed: starting again", flush=True)  # noqa: T201 - the container's log


def _state(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Name, size and time of every Python, SQL and JSON file."""
    found = set()
    for path in folder.rglob("*"):
        if path.suffix in {".py", ".sql", ".json"}:
            try:
                facts = path.stat()
            except FileNotFoundError:
                continue
            found.add((str(path), facts.st_size, facts.st_mtime_ns))
    return frozenset(found)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
