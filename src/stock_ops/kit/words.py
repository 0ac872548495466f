"""Times and complaints in words. Pure."""

import json


def duration(seconds: float) -> str:
    """A time span for people: its two largest units."""
    left = int(max(0.0, seconds))
    words: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or (unit == "s" and not words):
            words.append(f"{count} {unit}")
    return " ".join(words[:2])


def last_words(output: str) -> str:
    """The line of an output that most likely says why it failed."""
    return _last(output, _TELLING) or _last(output, ("",)) or "it said nothing"


def last_complaint(log: str) -> str | None:
    """The last line of a server's log by which it ended; None where it says nothing of it."""
    return _last(log, _ENDING)


def _last(output: str, telling: tuple[str, ...]) -> str | None:
    lines = (_plain(line) for line in reversed(output.translate(_FRAMES).splitlines()))
    found = next((line for line in lines if line and any(word in line for word in telling)), None)
    return found[:400] if found else None


_FRAMES = dict.fromkeys(map(ord, "│╭╮╰╯─┃━┏┓┗┛|"), " ")
"""What a command may draw around its words."""
_ENDING = ("FATAL", "PANIC", "No space left")
_TELLING = (*_ENDING, "ERROR", "rror:", "cannot", "could not")


def _plain(line: str) -> str:
    """A line of a log without its JSON."""
    try:
        found = json.loads(line)
        words = [found["message"], found.get("error.message")]
    except (ValueError, KeyError, TypeError):
        return " ".join(line.split())
    prefix = "error: " if found.get("log.level") in {"error", "critical"} else ""
    return prefix + ": ".join(str(word) for word in words if word)
