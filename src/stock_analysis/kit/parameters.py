"""Parameters in the query that a path does not take: an answer to another question would be a wrong one."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException


async def refuse_unknown_parameters(request: Request) -> None:
    """Raises HTTPException 400 with the nearest name for a parameter that the path does not take."""
    route = request.scope["route"]
    if not route.path.startswith("/api/"):
        return  # pages and probes, which others may ask with marks of their own
    known = _known(route)
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
    if unknown:
        raise HTTPException(400, "; ".join(_tell(name, known) for name in unknown[:5]))


def _tell(name: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(name.lower(), known, 1, 0.5)
    hint = f"do you mean {near[0]}?" if near else f"it takes {', '.join(known) or 'none'}"
    return f"{name[:40]!r} is no parameter of this path; {hint}"


def _known(route: Any) -> tuple[str, ...]:
    return tuple(sorted(set(_aliases(route.dependant))))


def _aliases(dependant: Any) -> Iterator[str]:
    for field in dependant.query_params:
        yield field.alias
    for one in dependant.dependencies:
        yield from _aliases(one)
