"""Text broken into lines, but never within a command, a date, a size or a path. Pure."""

import re

from stock_ops.kit.typed import OPTIONS, PROGRAM

_VERBS = "|".join(sorted(OPTIONS, key=len, reverse=True))
_WHOLE = (
    r"`[^`]*`",
    rf"{PROGRAM} (?:{_VERBS})(?![\w-])(?:\s+(?!says|say|tells|shows|then|and|or|first|names?\b)"
    r'(?:"[^"]*"|\'[^\']*\'|[^\s;,()])+)*',
    r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: UTC)?",
    r"\d[\d,.]* (?:[KMGT]?i?B(?:/s)?|d|h|min|s|ms|%)(?!\w)",
)
"""What may hold blanks and is one thing."""
_WORD = re.compile(rf"(?:{'|'.join(_WHOLE)}|\S)+")


def wrapped(text: str, width: int, indent: int = 0, *, begun_at: int = 0) -> list[str]:
    """Lines of at most `width` columns, all but the first beginning with `indent` blanks.

    begun_at: columns that are taken before the first one. What is whole is not broken, and so may be longer
    than a line. Line ends in the text stay.
    """
    lines: list[str] = []
    for number, part in enumerate(text.split("\n")):
        line = " " * indent if number else ""
        begun = False
        for word in _WORD.findall(part):
            longer = f"{line} {word}" if begun else f"{line}{word}"
            room = width if lines or number else width - begun_at
            if begun and len(longer) > room:
                lines.append(line)
                longer = f"{' ' * indent}{word}"
            line, begun = longer, True
        lines.append(line)
    return lines
