"""`stockops secrets push`: the secrets of a folder into a cluster."""

from pathlib import Path
from typing import Annotated

import typer

from stock_ops.kit.errors import ConflictingSettingsError
from stock_ops.kit.report import Report
from stock_ops.kit.secret_folder import values
from stock_ops.kit.target import KUBERNETES
from stock_ops.kit.verbs import Json, run_verb
from stock_ops.kubernetes.cli.session import Env, Target, refuse_other
from stock_ops.kubernetes.connection import connect
from stock_ops.kubernetes.facts.backups import backup_secret, has_backups
from stock_ops.kubernetes.facts.environment import Environment, read_environment
from stock_ops.kubernetes.runners.backup_key import KEY, push_backup_key
from stock_ops.kubernetes.runners.secrets import push as bring


def push(
    env: Env,
    folder: Annotated[Path, typer.Option(help="Folder of the secrets, drawn by `stockops secrets init`.")],
    as_json: Json = False,
    target: Target = KUBERNETES,
) -> None:
    """Bring the secrets of a folder into the namespace of an environment. None is printed.

    A namespace that is not there is made, with Pod Security `restricted` enforced. Running pods read a
    changed secret at their next connection, within a minute or so. Where the environment has backups, their
    key goes into a Secret of its own; it is drawn where there is none.
    """
    refuse_other(target)

    def run(report: Report) -> int:
        return _push(read_environment(env), folder.expanduser().resolve(), report)

    run_verb("secrets push", as_json, run)


def secret_of(environment: Environment) -> str:
    """Name of the Secret that the values name. Raises ConflictingSettingsError."""
    secrets = environment.values.get("secrets") or {}
    name = secrets.get("existing")
    if (secrets.get("external") or {}).get("enabled") or not name:
        raise ConflictingSettingsError(
            f"{environment.path} takes its secrets from elsewhere (secrets.external), or names no Secret.",
            "Name the Secret in secrets.existing, or put them into the store of secrets.external.",
        )
    return str(name)


def _push(environment: Environment, folder: Path, report: Report) -> int:
    name, found = secret_of(environment), values(folder)
    connection = connect(environment.context)
    changed = bring(connection, environment, name, found)
    said = ", ".join(changed) if changed else "no changes: they are the same"
    lines = [("Pushed", said), ("Secret", f"{name} in {environment.namespace}")]
    data = {"changed": bool(changed), "names": changed, "secret": name}
    if has_backups(environment):
        keys = push_backup_key(connection, environment, folder)
        said = ", ".join(keys) if keys else "no changes: it is the same"
        lines.append(("Backup key", f"{said}, Secret {backup_secret(environment)}"))
        lines.append(("Keep", f"a copy of {folder / KEY} elsewhere: without it no backup can be opened"))
        data |= {"changed": bool(changed or keys), "backup_names": keys}
    report.result("secrets push", lines, data)
    return 0
