"""What an upgrade would change, object by object. Pure."""

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stock_ops.kubernetes.objects import Object

_CONTEXT = 2


@dataclass(frozen=True, slots=True)
class Change:
    """An object that is not what it was."""

    what: str
    """added, changed or removed."""
    name: str
    lines: tuple[str, ...]
    """Of a unified diff, without its head."""


def name_of(document: Object) -> str:
    """Its kind and name."""
    return f"{document['kind']}/{document['metadata']['name']}"


def is_hook(document: Object) -> bool:
    """Whether it is made for a moment of a release, and not part of it."""
    return "helm.sh/hook" in (document["metadata"].get("annotations") or {})


def changes(old: Iterable[Object], new: Iterable[Object]) -> tuple[Change, ...]:
    """From one set of objects to another, by name; hooks are left out of both."""
    before = {name_of(one): one for one in old if not is_hook(one)}
    after = {name_of(one): one for one in new if not is_hook(one)}
    found = []
    for name in sorted(before.keys() | after.keys()):
        lines = _difference(before.get(name), after.get(name))
        if lines:
            what = "added" if name not in before else "removed" if name not in after else "changed"
            found.append(Change(what, name, lines))
    return tuple(found)


def counted(found: Sequence[Change]) -> str:
    """How many of each, for one line."""
    if not found:
        return "no changes"
    counts = {what: sum(one.what == what for one in found) for what in ("added", "changed", "removed")}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _difference(old: Object | None, new: Object | None) -> tuple[str, ...]:
    lines = difflib.unified_diff(_text(old), _text(new), lineterm="", n=_CONTEXT)
    return tuple(lines)[2:]


def _text(document: Object | None) -> list[str]:
    if document is None:
        return []
    return list(_lines({key: value for key, value in document.items() if key != "status"}, 0))


def _lines(value: object, depth: int) -> Iterable[str]:
    """Like YAML, with sorted keys; a text of many lines has them apart."""
    pad = "  " * depth
    if isinstance(value, dict):
        for key in sorted(value):
            one = value[key]
            if isinstance(one, dict | list) and one:
                yield f"{pad}{key}:"
                yield from _lines(one, depth + 1)
            elif isinstance(one, str) and "\n" in one:
                yield f"{pad}{key}: |"
                yield from (f"{pad}  {line}" for line in one.splitlines())
            else:
                yield f"{pad}{key}: {_scalar(one)}"
    elif isinstance(value, list):
        for one in value:
            if isinstance(one, dict | list) and one:
                yield f"{pad}-"
                yield from _lines(one, depth + 1)
            else:
                yield f"{pad}- {_scalar(one)}"


def _scalar(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
