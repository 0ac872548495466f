"""`stockops secrets init, show-names`."""

from pathlib import Path

from stock_ops.kit.errors import CorruptFileError, FolderError
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.secret_folder import fill, group_of
from stock_ops.kit.secret_names import SECRET_NAMES
from stock_ops.kit.verbs import Data, Json, layout_of, locked, run_verb
from stock_ops.local.facts.instance import Unreadable, read_secrets
from stock_ops.local.facts.observe import draw_secrets
from stock_ops.local.runners.instance import write_secrets
from stock_ops.secrets.cli.options import Folder


def init(folder: Folder = None, data: Data = None, as_json: Json = False) -> None:
    """Draw the secrets that are not there yet, at random, mode 0600. None is printed."""

    def run(report: Report) -> int:
        return (
            _init(folder.expanduser().resolve(), report) if folder else _init_local(layout_of(data), report)
        )

    run_verb("secrets init", as_json, run)


def show_names(as_json: Json = False) -> None:
    """Show which secrets there are, and what each is for. Never a value."""
    run_verb("secrets show-names", as_json, _show_names)


def _init(folder: Path, report: Report) -> int:
    try:
        drawn = fill(folder)
    except OSError as error:
        raise FolderError(
            f"{error.filename or folder}: {error.strerror}.", "Choose a folder that you may write to."
        ) from error
    group = group_of(folder)
    said = ", ".join(drawn) if drawn else "no changes: all are there"
    lines = [("Drawn", said), ("Secrets", f"STOCK_SECRETS={folder}"), ("Group", f"STOCK_SECRETS_GID={group}")]
    data = {"changed": bool(drawn), "drawn": list(drawn), "folder": str(folder), "group": group}
    report.result("secrets init", lines, data)
    return 0


def _init_local(layout: Layout, report: Report) -> int:
    """What the first `up` does by itself, too."""
    with locked(layout, "secrets init"):
        known = read_secrets(layout)
        if known is None and layout.postgresql.exists():
            raise FolderError(
                f"{layout.secrets} is missing, and the database has passwords already.",
                "Set new ones there, no data are lost: stockops up",
            )
        if isinstance(known, Unreadable):
            raise CorruptFileError(layout.secrets, known.reason, "Delete it, then run: stockops up")
        if known is None:
            layout.config.mkdir(exist_ok=True, mode=0o700)
            write_secrets(layout.secrets, draw_secrets())
    drawn = [one.name for one in SECRET_NAMES if not one.optional] if known is None else []
    lines = [("Drawn", ", ".join(drawn) or "no changes: all are there"), ("Secrets", f"{layout.secrets}")]
    report.result(
        "secrets init", lines, {"changed": bool(drawn), "drawn": drawn, "folder": f"{layout.config}"}
    )
    return 0


def _show_names(report: Report) -> int:
    report.table(("NAME", "FOR"), [(one.name, one.about) for one in SECRET_NAMES])
    names = [{"name": one.name, "about": one.about} for one in SECRET_NAMES]
    report.result("secrets show-names", [], {"names": names})
    return 0
