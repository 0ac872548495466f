"""`stockops secrets export, import`: from one machine to another, in a sealed file."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from stock_ops.kit.backup_settings import read_recipient
from stock_ops.kit.errors import CorruptFileError, FolderError
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.rotating import change
from stock_ops.kit.secret_folder import fill, put, read
from stock_ops.kit.secret_names import BY_NAME, SESSION_KEY
from stock_ops.kit.verbs import Data, Json, layout_of, locked, run_verb
from stock_ops.local.facts.instance import FIELDS, Change, Secrets, read_secrets
from stock_ops.local.facts.processes import observe_supervisor
from stock_ops.local.runners.instance import write_secrets
from stock_ops.local.runners.rotation import LocalHolder, unfinished
from stock_ops.secrets.cli.options import Folder
from stock_ops.secrets.facts.known import secrets_of_folder, secrets_of_instance
from stock_ops.secrets.runners.bundle import read_bundle, write_bundle
from stock_ops.storage.keys import read_identity


def export_secrets(
    to: Annotated[Path, typer.Option(metavar="FILE", help="The bundle; it must not be there yet.")],
    recipient: Annotated[
        str | None,
        typer.Option(help="Public key of age (age1...) that may open it; else the one of the backups."),
    ] = None,
    folder: Folder = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Write all secrets to one file, sealed with age for the key that opens the backups, or for another."""
    layout = layout_of(data)
    run_verb("secrets export", as_json, lambda report: _export(layout, folder, to, recipient, report))


def import_secrets(
    bundle: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle that `export` wrote.")],
    key_file: Annotated[Path, typer.Option(help="The private key that opens it (AGE-SECRET-KEY-1...).")],
    folder: Folder = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Take the secrets of a bundle in place of the present ones; a running platform changes over to them."""
    layout = layout_of(data)
    run_verb("secrets import", as_json, lambda report: _import(layout, folder, bundle, key_file, report))


def _export(layout: Layout, folder: Path | None, to: Path, recipient: str | None, report: Report) -> int:
    key = recipient or read_recipient(layout)
    if key is None:
        raise FolderError("There is no key of backups here.", "Name a public key: --recipient age1...")
    secrets = secrets_of_folder(folder) if folder else secrets_of_instance(layout)
    write_bundle(to, {name: lines[:2] for name, lines in secrets.items()}, key)
    lines = [("Written", f"{to}"), ("Opened by", f"the private key of {key}")]
    report.result("secrets export", lines, {"file": f"{to}", "recipient": key, "names": list(secrets)})
    return 0


def _import(layout: Layout, folder: Path | None, bundle: Path, key_file: Path, report: Report) -> int:
    secrets = read_bundle(bundle, read_identity(key_file))
    with locked(layout, "secrets import"):
        changed = _to_folder(folder, secrets) if folder else _to_instance(layout, secrets, report)
    said = ", ".join(changed) if changed else "no changes: they are the same"
    lines = [("Imported", said)]
    if folder and changed:
        lines.append(("Next", "a stack that runs changes over with: stockops secrets rotate, or `up`"))
    report.result("secrets import", lines, {"changed": bool(changed), "names": changed})
    return 0


def _to_folder(folder: Path, secrets: dict[str, tuple[str, ...]]) -> list[str]:
    """A secret that is there already stays as the second line, until the servers have changed over."""
    changed = []
    for name, lines in secrets.items():
        known = read(folder / name) if (folder / name).exists() else ()
        if lines and known[:1] != lines[:1]:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            put(folder, name, (lines[0], *known[:1]))
            changed.append(name)
    fill(folder)
    return changed


def _to_instance(layout: Layout, secrets: dict[str, tuple[str, ...]], report: Report) -> list[str]:
    """As a change that was begun: `up` brings it to its end, or we do where the platform runs."""
    known = read_secrets(layout)
    if known is None:
        if missing := [name for name in BY_NAME if name not in secrets]:
            raise FolderError(f"The bundle lacks {', '.join(missing)}.", "Export it anew.")
        layout.config.mkdir(parents=True, exist_ok=True, mode=0o700)
        values: dict[str, Any] = {FIELDS[name]: lines[0] for name, lines in secrets.items() if lines}
        before = secrets[SESSION_KEY][1:]
        write_secrets(layout.secrets, Secrets(**values, session_before=before[0] if before else ""))
        return list(secrets)
    if not isinstance(known, Secrets):
        raise CorruptFileError(layout.secrets, known.reason, "Delete it, then run: stockops up")
    changing = {
        FIELDS[name]: Change(lines[0], getattr(known, FIELDS[name]))
        for name, lines in secrets.items()
        if lines and lines[0] != getattr(known, FIELDS[name])
    }
    write_secrets(layout.secrets, replace(known, changing={**known.changing, **changing}))
    if observe_supervisor(layout).answers:
        for name in unfinished(read_secrets(layout)):
            change(LocalHolder(layout), name, report, goes_on=True)
    return [name for name in BY_NAME if FIELDS[name] in changing]
