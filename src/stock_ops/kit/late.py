"""Verbs whose code is loaded when they are called, or when the help shows them.

Every verb would else take as long to begin as all of them together.
"""

from collections import UserDict
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

Instead = Callable[[str | None, str, Sequence[str]], str | None]
"""Given the option --target of the group, a verb's name and its words: another place for it, or None."""


def _as_it_is(_: str | None, __: str, ___: Sequence[str]) -> str | None:
    return None


def late_group(
    places: Mapping[str, str | typer.Typer], *, hidden: Collection[str] = (), instead: Instead = _as_it_is
) -> type[TyperGroup]:
    """`cls` of a Typer with these verbs: name -> MODULE:FUNCTION, or a Typer that is a group of its own.

    The help leaves out the hidden ones. instead: where a verb is found on the target of its data folder.
    """

    class Late(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = _Verbs(places, frozenset(hidden))

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            name, command, rest = super().resolve_command(ctx, args)
            place = instead(ctx.params.get("target"), name, rest) if name else None
            return name, _load(name, place) if name and place else command, rest

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
    where, takes_all = place.removesuffix(UNREAD), place.endswith(UNREAD)
    module, _, function = where.partition(":")
    single = typer.Typer(add_completion=False)
    single.command(context_settings=_AS_TYPED if takes_all else None)(
        getattr(import_module(module), function)
    )
    return single


UNREAD = " ..."
"""Ends the place of a verb that is given its words as they were typed, and passes them on."""
_AS_TYPED = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
