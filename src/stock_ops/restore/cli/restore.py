"""The verb restore."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from stock_ops.backup.cli.source import CopyOption
from stock_ops.kit.verbs import Data, DryRun, Json, Yes, layout_of, run_verb
from stock_ops.restore.cli.bring_back import bring_back
from stock_ops.restore.cli.source import Wish
from stock_ops.restore.plans.recovery import Request


def restore(
    data: Data = None,
    time: Annotated[
        str | None, typer.Option(help='To this time: "2026-11-25 03:10:00", UTC unless it names a zone.')
    ] = None,
    mark: Annotated[str | None, typer.Option(help="To this mark (stockops backup mark NAME).")] = None,
    backup: Annotated[
        str | None, typer.Option(help="From this backup; alone: to the point that it was taken for.")
    ] = None,
    latest: Annotated[bool, typer.Option("--latest", help="With --backup: and everything after it.")] = False,
    timeline: Annotated[
        int | None, typer.Option(min=1, help="Along this timeline, which an earlier restore may have left.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(help="Folder or s3://bucket/prefix; else the one in backup.toml.")
    ] = None,
    copy: CopyOption = None,
    key_file: Annotated[
        Path | None,
        typer.Option(readable=False, help="Private key that opens the backups; else the one in backup.toml."),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bring the data back: to the latest point, a time, a mark or a backup. What is in place is kept."""
    if sum((time is not None, mark is not None, latest)) > 1:
        raise typer.BadParameter("name one of them only", param_hint="--time, --mark, --latest")
    request = Request(_moment(time), mark, backup, latest, timeline)
    if storage is not None and copy is not None:
        raise typer.BadParameter("name one of them only", param_hint="--storage, --copy")
    wish = Wish(request, storage, key_file, time, copy)
    run_verb(
        "restore", as_json, lambda report: bring_back(layout_of(data), wish, report, dry_run=dry_run, yes=yes)
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f'{text!r} is no time; write "2026-11-25 03:10:00"', param_hint="--time"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
