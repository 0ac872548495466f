"""The platform on restored data: started beside the live one, asked for a chart, ended."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from stock_ops.drill.facts.charts import Address
from stock_ops.kit.commands import environment, run_to_end
from stock_ops.kit.errors import PartError
from stock_ops.kit.layout import DATABASE, LOOPBACK
from stock_ops.kit.leashing import leashed
from stock_ops.kit.words import last_words
from stock_ops.local.facts.health import Health, ask_platform
from stock_ops.local.facts.programs import Programs
from stock_ops.local.plans.settings import database_roles

_START_S = 90.0
_POLL_S = 0.05
_TODO = (
    "Start it with `stockops up` first; if the live platform starts, report this with the drill's journal."
)


def platform_settings(database_folder: str, database_port: int, port: int, valkey_port: int) -> str:
    """Settings of the platform on restored data: on loopback, over the database's socket.

    valkey_port: one at which nobody listens; without Valkey the platform is slower, and remembers nothing.
    """
    chosen = {
        "host": LOOPBACK,
        "port": port,
        "database_host": database_folder,
        "database_port": database_port,
        "database_name": DATABASE,
        **database_roles(),
        "valkey_host": LOOPBACK,
        "valkey_port": valkey_port,
        "require_api_key": "never",
        "drain_s": 0.0,
    }
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in chosen.items())


@contextlib.contextmanager
def serving(programs: Programs, config: Path, log: Path, address: Address) -> Iterator[None]:
    """Bring the schema to this release's, as a start would, and serve as long as the context lasts.

    It dies with us. Raises PartError with its last words when it does not get ready.
    """
    program = str(programs.platform)
    run_to_end(
        programs, [program, "migrate", "--config", config], what="Bringing the restored schema up to date"
    )
    line: list[str | Path] = [program, "serve", "--target", "all", "--config", config]
    command = leashed(programs.python, programs.leash, "KILL", None, line, os.getpid())
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=config.parent, env=environment()
        )
    try:
        _await(process, address, log)
        yield
    finally:
        process.kill()  # it has nothing to finish, and data that go with it
        process.wait()


def _await(process: "subprocess.Popen[bytes]", address: Address, log: Path) -> None:
    deadline, health = time.monotonic() + _START_S, Health(False, "it was not asked yet")
    while time.monotonic() < deadline:
        health = ask_platform(address.host, address.port)
        if health.ok:
            return
        if process.poll() is not None:
            words = last_words(log.read_text(encoding="utf-8", errors="replace"))
            raise PartError(f"The platform does not start on the restored data: {words}", _TODO)
        time.sleep(_POLL_S)
    why = f"The platform is not ready on the restored data after {_START_S:g} s: {health.reason}."
    raise PartError(why, _TODO)
