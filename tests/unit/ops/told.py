"""Every command that the words of stockops tell to type: in the texts of its code, and in the runbooks."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stock_ops.kit.typed import OPTIONS

ROOT = Path(__file__).resolve().parents[3]
_VALUES = {"free": "20000", "facts.spare.ports[-1]": "20000", "todo": ""} | dict.fromkeys(
    ("left", "timeline", "mark.timeline", "elsewhere.timeline"), "2"
)
"""What stands in the place of an expression where a word would not do."""
_NAMES = frozenset({"stockops backup", "stockops.backup"})
"""Not told: names that a log or a server shows."""
_FIRST = "|".join(sorted({verb.partition(" ")[0] for verb in OPTIONS}))
_BEGIN = rf"stockops (?:{_FIRST})\b"
_COMMAND = re.compile(
    rf"`(?P<quoted>{_BEGIN}[^`]*)`|\((?P<bracketed>{_BEGIN}[^()]*)\)|(?<![\w./'-])(?P<last>{_BEGIN}.*)"
)


@dataclass(frozen=True)
class Told:
    """A command as it is told, and where."""

    place: str
    text: str


def told_by_code() -> list[Told]:
    """Those in the texts of `stock_ops`; an expression in them is a word."""
    return [
        Told(f"{path.relative_to(ROOT)}:{line}", text)
        for path in sorted((ROOT / "src/stock_ops").rglob("*.py"))
        for line, words in _texts(path)
        for text in commands_in(words)
    ]


def told_by_runbooks() -> list[Told]:
    """Those in the runbooks."""
    return [
        Told(path.name, text)
        for path in sorted((ROOT / "docs/runbooks").glob("*.md"))
        for text in re.findall(r"`(stockops [^`]+)`", path.read_text())
    ]


def commands_in(words: str) -> Iterator[str]:
    """Commands in quotes, in brackets, or at the end of the words."""
    for found in _COMMAND.finditer(words):
        yield (found["quoted"] or found["bracketed"] or found["last"]).strip()


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text())
    silent = {id(node) for one in ast.walk(tree) for node in _not_told(one)}
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(map(_part, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in _NAMES:
            yield node.lineno, node.value


def _not_told(node: ast.AST) -> Iterator[ast.AST]:
    """Documentation; and the pieces of a text, which counts as a whole."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value
    if isinstance(node, ast.JoinedStr):
        yield from (part for part in ast.walk(node) if part is not node)


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    inner = ast.unparse(node.value) if isinstance(node, ast.FormattedValue) else ""
    return _VALUES.get(inner, "X")
