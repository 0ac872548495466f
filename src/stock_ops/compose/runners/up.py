"""Run the steps of `up` and `down`."""

import contextlib
import json
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stock_ops.compose.facts.stack import Stack, fingerprint
from stock_ops.compose.plans.settings import backup_settings_inside, variables, variables_text
from stock_ops.compose.plans.up import Prepare, Remember, RunOnce, SetUpRoles, Start, Step, Stop
from stock_ops.compose.runners.stack import (
    await_healthy,
    run_compose,
    run_once,
    set_up_roles,
    user_of_image,
    write_for_group,
)
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import StoppedByUserError
from stock_ops.kit.files import explain, make_folder, write_whole
from stock_ops.kit.layout import FORMAT
from stock_ops.kit.report import Report
from stock_ops.kit.secret_folder import fill, group_of
from stock_ops.kit.signals import signals_interrupt
from stock_ops.kit.target import COMPOSE, read_target
from stock_ops.kit.wanted import NewFile, NewFolder
from stock_ops.storage.keys import (
    authentication_key,
    draw_identity,
    dump_authentication_key,
    read_identity,
    recipient_of,
)

_TO_READERS = ("backup-credentials.toml",)


@dataclass(frozen=True, slots=True)
class Work:
    """The objects of the steps' work."""

    stack: Stack
    operators: Mapping[str, str]
    publish: tuple[str, int]
    backups: BackupSettings


def run_steps(steps: Iterable[Step], work: Work, report: Report) -> None:
    """Do the steps in order. What runs when one fails goes on running; the next `up` goes on from there."""
    during = "the start"
    with signals_interrupt():
        try:
            for step in steps:
                during = step.title
                with report.step(step.title, step.detail, quiet=isinstance(step, Prepare | Remember)):
                    _DOERS[type(step)](step, work)
        except KeyboardInterrupt as interrupt:
            raise StoppedByUserError(
                during, "Containers that ran still run; the data are kept."
            ) from interrupt
        except OSError as error:
            raise explain(error, work.stack.files.layout) from error


def prepare(work: Work) -> None:
    """Folders, secrets, the key of the backups, and every file that compose reads."""
    files = work.stack.files
    layout = files.layout
    for folder, mode in ((layout.root, 0o711), (layout.config, 0o711), (layout.run, 0o700)):
        make_folder(NewFolder(folder, mode))
    fill(files.secrets)
    gid = str(group_of(files.secrets))
    make_folder(NewFolder(files.inside, 0o750))
    os.chown(files.inside, -1, int(gid))
    identity = _key(work, gid)
    write_for_group(files.inside / layout.recipient.name, recipient_of(identity) + "\n", gid)
    tags = dump_authentication_key(authentication_key(identity))
    write_for_group(files.inside / layout.authentication_key.name, tags, gid)
    own = tomllib.loads(layout.backup_settings.read_text("utf-8")) if layout.backup_settings.exists() else {}
    write_for_group(files.inside / layout.backup_settings.name, backup_settings_inside(own), gid)
    for name in _TO_READERS:
        if (layout.config / name).exists():
            write_for_group(files.inside / name, (layout.config / name).read_text(encoding="utf-8"), gid)
        else:
            (files.inside / name).unlink(missing_ok=True)
    write_whole(NewFile(files.generated, variables_text(all_variables(work, gid))))
    if read_target(layout) is None:  # before anything starts, so that the verbs find what a failed start left
        write_whole(NewFile(layout.target, f"{COMPOSE}\n"))


def all_variables(work: Work, gid: str) -> dict[str, str]:
    """Those of compose.yaml. The database's user is asked of its image once."""
    found = variables(work.stack.files, work.operators, work.publish, gid, work.backups)
    if "STOCK_DATABASE_UID" not in found:
        found["STOCK_DATABASE_UID"] = user_of_image(work.stack, found["TIMESCALEDB_IMAGE"], "postgres")
    return found


def _key(work: Work, gid: str) -> str:
    """Draw the key of the backups where there is none; the private half."""
    path = work.stack.files.backup_key
    with contextlib.suppress(FileExistsError):
        draw_identity(path)
    os.chown(path, -1, int(gid))
    path.chmod(0o640)
    return read_identity(path)


def _start(step: Start, work: Work) -> None:
    run_compose(work.stack, "up", "-d", step.service)
    await_healthy(work.stack, step.service)


def _remember(_: Remember, work: Work) -> None:
    files = work.stack.files
    found = {"format": FORMAT, "port": work.publish[1], "code": fingerprint(work.stack)}
    write_whole(NewFile(files.memory, json.dumps(found, indent=2) + "\n"))


_DOERS: dict[type, Callable[[Any, Work], object]] = {
    Prepare: lambda _, work: prepare(work),
    Start: _start,
    SetUpRoles: lambda _, work: set_up_roles(work.stack),
    RunOnce: lambda step, work: run_once(work.stack, step.service),
    Stop: lambda step, work: run_compose(work.stack, "stop", step.service),
    Remember: _remember,
}


def remembered_fingerprint(stack: Stack) -> str | None:
    """Of what was started last."""
    try:
        found = json.loads(stack.files.memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found.get("code") if isinstance(found, dict) else None
