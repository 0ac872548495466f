"""Text from outside on a terminal: it is shown, never obeyed."""

import json
import re

_CONTROLS_IN_JSON = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str, longest: int = 60) -> str:
    """The text with controls, bidirectional marks and lone surrogates as escapes, cut to a length."""
    start = text[: longest + 1]
    shown = "".join(one if one.isprintable() else repr(one)[1:-1] for one in start)
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."


def printable_json(value: object, indent: int | None = 2) -> str:
    """JSON that people can read; the controls that JSON itself lets through are escaped too."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _CONTROLS_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
