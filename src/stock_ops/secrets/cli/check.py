"""`stockops secrets check`: is any secret anywhere but in its file?"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from stock_ops.kit.backup_settings import BackupSettings, read_backup_settings
from stock_ops.kit.layout import Layout
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import Data, Json, layout_of, run_verb
from stock_ops.secrets.cli.options import Engine, Folder, ProjectName
from stock_ops.secrets.facts.containers import image_places, stack_places
from stock_ops.secrets.facts.known import secrets_of_backups, secrets_of_folder, secrets_of_instance
from stock_ops.secrets.facts.places import backup_places, log_places, process_places, settings_places
from stock_ops.secrets.facts.search import Finding, Place, search
from stock_ops.secrets.facts.stack import find_project
from stock_ops.secrets.plans.forms import Needle, needles
from stock_ops.storage.facts.place import open_storage

_SHOWN_UNREAD = 5


def check(
    folder: Folder = None,
    project: ProjectName = "stock-analysis",
    engine: Engine = None,
    image: Annotated[list[str] | None, typer.Option(help="One more image to look into; repeatable.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Look for every secret in logs, process lists, environments, settings, backups and images.

    As it is, and as Base64, hexadecimal or part of an address. Found anywhere: exit code 1, with the place.
    With --folder: in the containers of the compose project, their logs and images.
    """

    def run(report: Report) -> int:
        containers = find_project(project, engine) if folder or image else None
        if folder is None:
            layout = layout_of(data)
            settings = read_backup_settings(layout)
            known = {**secrets_of_instance(layout), **secrets_of_backups(layout, settings)}
            places = [_places(layout, settings), image_places(containers, image or []) if containers else ()]
        else:
            known = secrets_of_folder(folder.expanduser().resolve())
            assert containers is not None  # noqa: S101 - there is a folder
            places = [stack_places(containers, image or [])]
        return _check(itertools.chain(process_places(), *places), needles(known), report)

    run_verb("secrets check", as_json, run)


def _check(places: Iterable[Place], patterns: tuple[Needle, ...], report: Report) -> int:
    looked, unread, found = look(places, patterns)
    rows = sorted((one.secret, one.form, one.kind, one.place) for one in found)
    if rows:
        report.table(("SECRET", "FORM", "FOUND IN", "PLACE"), rows)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(looked.items()))
    lines = [("Secrets", f"{len({one.name for one in patterns})}, each in every form"), ("Looked at", told)]
    if unread:
        more = f", and {len(unread) - _SHOWN_UNREAD} more" if len(unread) > _SHOWN_UNREAD else ""
        lines.append(("Not read", f"{'; '.join(sorted(unread)[:_SHOWN_UNREAD])}{more}"))
    lines.append(("Found", f"{len(rows)}" if rows else "nothing"))
    listed = [dict(zip(("secret", "form", "kind", "place"), row, strict=True)) for row in rows]
    data = {"found": listed, "looked_at": dict(looked), "not_read": sorted(unread)}
    report.result("secrets check", lines, {**data, "outcome": "failed" if rows else "passed"})
    return 1 if rows else 0


def look(
    places: Iterable[Place], patterns: tuple[Needle, ...]
) -> tuple[Counter[str], list[str], set[Finding]]:
    """Search every place: how many of each kind were read, which could not be, and what was found."""
    looked: Counter[str] = Counter()
    unread: list[str] = []
    found: set[Finding] = set()
    for place in places:
        try:
            found |= search(place, patterns)
            looked[place.kind] += 1
        except OSError as error:
            unread.append(f"{place.name}: {error.strerror or error}")
    return looked, unread, found


def _places(layout: Layout, settings: BackupSettings) -> Iterator[Place]:
    yield from log_places(layout)
    yield from settings_places(layout)
    if settings.enabled:
        yield from backup_places(open_storage(layout, settings).inner)
