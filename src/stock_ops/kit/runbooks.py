"""The runbooks that came with the program: docs/runbooks in a checkout, a folder of the package elsewhere."""

import re
from pathlib import Path

from stock_ops.kit.errors import MissingProgramError, OpsError
from stock_ops.kit.typed import command

_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "_resources" / "runbooks", _PACKAGE.parents[1] / "docs" / "runbooks")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_ITEM = re.compile(r"- |\d+\. ")
_NO_ROW = "- "


class UnknownRunbookError(OpsError):
    """There is no runbook of that name."""


def names() -> tuple[str, ...]:
    """All there are. Raises MissingProgramError where they were not installed."""
    return tuple(sorted(path.stem for path in _folder().glob("*.md")))


def read(name: str) -> str:
    """The text of a runbook for a terminal: a paragraph a line. Raises UnknownRunbookError."""
    if name not in names():
        raise UnknownRunbookError(
            f"There is no runbook {name}. There are: {', '.join(names())}.", f"Name one: {command('runbook')}"
        )
    return unfold((_folder() / f"{name}.md").read_text(encoding="utf-8"))


def title(name: str) -> str:
    """Its first line."""
    return read(name).partition("\n")[0].removeprefix("# ")


def unfold(markdown: str) -> str:
    """Each paragraph and each item of a list on one line, links as what they lead to."""
    lines: list[str] = []
    for line in markdown.splitlines():
        text, before = line.strip(), lines[-1] if lines else ""
        if text.startswith("|"):
            text = _row(text)
        if text and before and not text.startswith("#") and not _ITEM.match(text) and before[0] != "#":
            lines[-1] = f"{before} {text}"
        else:
            lines.append(text)
    return _LINK.sub(_linked, "\n".join(line for line in lines if line != _NO_ROW)).strip()


def _row(text: str) -> str:
    """A row of a table as an item of a list; the line below its head is none."""
    cells = [cell.strip() for cell in text.strip("|").split("|")]
    return _NO_ROW if set(text) <= set("|-: ") else f"- {': '.join(cells)}"


def _linked(found: re.Match[str]) -> str:
    words, place = found[1], Path(found[2])
    if place.suffix == ".md" and place.parent == Path():
        return f"{words} (`{command('runbook', place.stem)}`)"
    return f"{words} ({place.name})" if place.name not in words else words


def _folder() -> Path:
    for folder in _PLACES:
        if folder.is_dir():
            return folder
    raise MissingProgramError(
        "The runbooks were not installed with this program.", "Run `make up` in the checkout."
    )
