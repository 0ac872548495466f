"""Make a folder of Valkey from a backup's data, by a server of its own that no other process can reach."""

import contextlib
import io
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stock_ops.backup.facts.creation import Cache
from stock_ops.backup.runners.streams import opened, put_back
from stock_ops.kit.commands import environment
from stock_ops.kit.errors import DamagedBackupError, PartError
from stock_ops.kit.files import make_folder, remove
from stock_ops.kit.leashing import leashed
from stock_ops.kit.wanted import NewFolder
from stock_ops.kit.words import last_words
from stock_ops.restore.facts.progress import cache_folder
from stock_ops.restore.runners.fetch import OTHER, Workshop
from stock_ops.restore.runners.places import flush_all, move
from stock_ops.restore.runners.scratch import Place, socket_folder
from stock_ops.storage.parts import fetch_part
from stock_ops.storage.streams import load_streams

if TYPE_CHECKING:
    import valkey

_START_S, _STOP_S, _POLL_S = 30.0, 60.0, 0.02
_OPTIONS = {"port": "0", "unixsocketperm": "700", "appendonly": "yes", "appendfsync": "no", "save": ""}


def build_cache(shop: Workshop, server: Path) -> None:
    """Make the folder, as an append-only file that the next start reads; it has its name once it is whole.

    Raises DamagedBackupError, and PartError when Valkey does not take what the backup holds.
    """
    final = cache_folder(shop.work)
    if final.exists():
        return
    keys, unfinished = _fetch_keys(shop), final.with_name(f"{final.name}.new")
    remove(unfinished)
    make_folder(NewFolder(unfinished, 0o700, shop.place.account))
    with _running(shop.place, server, unfinished) as client:
        put_back(client, keys)
    flush_all(unfinished)
    move(unfinished, final)


def refill_cache(shop: Workshop, cache: Cache) -> None:
    """Put the backup's data into a Valkey that runs elsewhere. Raises as build_cache."""
    keys = _fetch_keys(shop)
    with opened(cache) as client:
        put_back(client, keys)


def _fetch_keys(shop: Workshop) -> Sequence[dict[str, Any]]:
    manifest, text = shop.chain[-1], io.BytesIO()
    part = manifest.part("valkey")
    if part is None:
        raise DamagedBackupError(f"{manifest.id} lacks the Valkey data that its manifest names.", OTHER)
    fetch_part(shop.storage, part, text, shop.identity)
    try:
        return load_streams(text.getvalue())
    except ValueError as error:
        raise DamagedBackupError(f"{part.name} makes no sense: {error}.", OTHER) from error


@contextlib.contextmanager
def _running(place: Place, server: Path, folder: Path) -> "Iterator[valkey.Valkey]":
    import valkey  # late: it takes long to load, and most verbs do without it

    log = place.work / "valkey.log"
    with socket_folder(place) as sockets:
        path = sockets / "valkey.sock"
        process = _start(place, server, {**_OPTIONS, "unixsocket": f"{path}", "dir": f"{folder}"}, log)
        try:
            with valkey.Valkey(unix_socket_path=str(path), socket_timeout=_STOP_S) as client:
                _await(client, process, log)
                yield client
        except valkey.ValkeyError as error:
            raise PartError(f"Valkey rejects the data of the backup: {error}.", f"See {log}.") from error
        finally:
            _stop(process)


def _start(place: Place, server: Path, options: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    programs = place.programs
    command = leashed(programs.python, programs.leash, "KILL", place.account, [server, *words], os.getpid())
    with log.open("wb") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", env=environment()
        )


def _await(client: "valkey.Valkey", process: "subprocess.Popen[bytes]", log: Path) -> None:
    from valkey import ConnectionError as NoConnectionError

    deadline = time.monotonic() + _START_S
    while True:
        try:
            client.ping()
        except NoConnectionError:
            if process.poll() is not None or time.monotonic() > deadline:
                words = last_words(log.read_text(encoding="utf-8", errors="replace"))
                raise PartError(f"Valkey does not start: {words}", f"See {log}.") from None
            time.sleep(_POLL_S)
        else:
            return


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """In order: it writes its file to the end."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise PartError("Valkey does not stop.", "Run the same command again.") from None
