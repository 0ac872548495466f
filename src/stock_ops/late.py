"""Verbs whose code is loaded when they are called, or when the help shows them.

Every verb would else take as long to begin as all of them together.
"""

from collections import UserDict
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command


def late_group(places: Mapping[str, str]) -> type[TyperGroup]:
    """`cls` of a Typer that has these verbs behind its own: name -> MODULE:FUNCTION, or MODULE:TYPER."""

    class Late(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = _Verbs({**self.commands, **places})

    return Late


class _Verbs(UserDict[str, Any]):
    """Commands by name; a place is loaded when its command is asked for."""

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if isinstance(found, str):
            found = self[name] = _load(name, found)
        return found


def _load(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command()(found)
        found = single
    command = get_command(found)
    command.name = name
    return command
