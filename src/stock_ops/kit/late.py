"""Verbs whose code is loaded when they are called, or when the help shows them.

Every verb would else take as long to begin as all of them together.
"""

from collections import UserDict
from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command


def late_group(places: Mapping[str, str | typer.Typer], *, hidden: Collection[str] = ()) -> type[TyperGroup]:
    """`cls` of a Typer with these verbs: name -> MODULE:FUNCTION, or a Typer that is a group of its own.

    The help leaves out the hidden ones.
    """

    class Late(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = _Verbs(places, frozenset(hidden))

    return Late


class _Verbs(UserDict[str, Any]):
    """Commands by name; a place is loaded when its command is asked for."""

    def __init__(self, places: Mapping[str, str | typer.Typer], hidden: frozenset[str]) -> None:
        super().__init__(places)
        self._hidden = hidden

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if isinstance(found, str | typer.Typer):
            found = self[name] = _load(name, found)
            found.hidden = name in self._hidden
        return found


def _load(name: str, place: str | typer.Typer) -> Any:
    command = get_command(place if isinstance(place, typer.Typer) else _single(place))
    command.name = name
    return command


def _single(place: str) -> typer.Typer:
    module, _, function = place.partition(":")
    single = typer.Typer(add_completion=False)
    single.command()(getattr(import_module(module), function))
    return single
