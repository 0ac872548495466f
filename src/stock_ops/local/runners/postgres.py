"""Make a database cluster, and set its passwords, without a running server."""

import contextlib
import os
from pathlib import Path

import psutil

from stock_ops.kit.accounts import Account
from stock_ops.kit.commands import run_to_end
from stock_ops.kit.files import make_folder, remove, write_whole
from stock_ops.kit.layout import DATABASE
from stock_ops.kit.secret_names import SUPERUSER
from stock_ops.kit.wanted import NewFile, NewFolder
from stock_ops.local.facts.instance import Secrets
from stock_ops.local.facts.programs import Programs
from stock_ops.local.plans.steps import CreateCluster, SetPasswords


def create_cluster(step: CreateCluster, programs: Programs) -> None:
    """initdb, role and database in a folder apart; the rename at the end makes it the cluster."""
    discard(step.unfinished)
    make_folder(NewFolder(step.unfinished, 0o700, step.owner))
    password, cluster = step.unfinished / "password", step.unfinished / "cluster"
    write_whole(NewFile(password, step.secrets.superuser + "\n", step.owner))
    command = [
        f"{step.programs}/initdb",
        "-D",
        f"{cluster}",
        "-U",
        SUPERUSER,
        f"--pwfile={password}",
        *_OPTIONS,
    ]
    run_to_end(programs, command, what="initdb", user=step.owner, cwd=step.unfinished)
    _alone(step, programs, step.owner, cluster, [*_roles("CREATE", step.secrets), _DATABASE])
    cluster.rename(step.final)
    remove(step.unfinished)
    _flush(step.final.parent)


def discard(unfinished: Path) -> None:
    """Remove the remains of a cluster from a start that was cut off, once its writers have ended.

    A killed initdb leaves its own children behind, which work on until they notice.
    """
    end_writers(unfinished)
    remove(unfinished)


def end_writers(folder: Path) -> None:
    """Kill the writers of a cluster in the folder, and wait until they are gone."""
    writers = [process for process in psutil.process_iter() if _writes_to(process, folder)]
    for process in writers:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(writers, timeout=_GONE_S)


def _writes_to(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.name() in _WRITERS and Path(process.cwd()).is_relative_to(folder.resolve())
    except (psutil.Error, OSError):
        return False


def set_passwords(step: SetPasswords, programs: Programs) -> None:
    """Give superuser and role the passwords of secrets.json."""
    _alone(step, programs, step.owner, step.cluster, _roles("ALTER", step.secrets))


_WRITERS = frozenset({"initdb", "postgres"})
_GONE_S = 5.0
_OPTIONS = [
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
]
_DATABASE = f"CREATE DATABASE {DATABASE} OWNER {DATABASE};"


def _roles(verb: str, secrets: Secrets) -> list[str]:
    return [
        f"ALTER ROLE {SUPERUSER} PASSWORD '{secrets.superuser}';",
        f"{verb} ROLE {DATABASE} LOGIN PASSWORD '{secrets.database}';",
    ]


def _alone(
    step: CreateCluster | SetPasswords,
    programs: Programs,
    owner: Account | None,
    cluster: "os.PathLike[str]",
    statements: list[str],
) -> None:
    """Run statements in single-user mode. They hold passwords, so none may reach a log."""
    settings = ["log_min_error_statement=panic", "exit_on_error=true", "log_statement=none"]
    command = [f"{step.programs}/postgres", "--single", "-D", os.fspath(cluster)]
    command += [word for setting in settings for word in ("-c", setting)]
    text = "\n".join(statements) + "\n"
    run_to_end(programs, [*command, SUPERUSER], what="Setting up the database", user=owner, text=text)


def _flush(folder: "os.PathLike[str]") -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
