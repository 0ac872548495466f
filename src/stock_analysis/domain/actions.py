"""Corporate actions: what changes a share without a trade."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from enum import StrEnum

from stock_analysis.domain.errors import InvalidInputError


class ActionKind(StrEnum):
    """What happened."""

    SPLIT = "split"
    DIVIDEND = "dividend"
    SPECIAL_DIVIDEND = "special_dividend"
    SPIN_OFF = "spin_off"
    RIGHTS = "rights"


class ActionUnit(StrEnum):
    """What the value of an action counts: a ratio, or cash a share in the instrument's currency."""

    RATIO = "ratio"
    CASH = "cash"


_UNIT_OF = {
    ActionKind.SPLIT: ActionUnit.RATIO,
    ActionKind.DIVIDEND: ActionUnit.CASH,
    ActionKind.SPECIAL_DIVIDEND: ActionUnit.CASH,
    ActionKind.RIGHTS: ActionUnit.RATIO,
}

_WORDS = {
    "split": ActionKind.SPLIT,
    "stock split": ActionKind.SPLIT,
    "reverse split": ActionKind.SPLIT,
    "consolidation": ActionKind.SPLIT,
    "액면분할": ActionKind.SPLIT,
    "액면병합": ActionKind.SPLIT,
    "dividend": ActionKind.DIVIDEND,
    "cash dividend": ActionKind.DIVIDEND,
    "배당": ActionKind.DIVIDEND,
    "special dividend": ActionKind.SPECIAL_DIVIDEND,
    "special": ActionKind.SPECIAL_DIVIDEND,
    "특별배당": ActionKind.SPECIAL_DIVIDEND,
    "spin off": ActionKind.SPIN_OFF,
    "spinoff": ActionKind.SPIN_OFF,
    "demerger": ActionKind.SPIN_OFF,
    "인적분할": ActionKind.SPIN_OFF,
    "rights": ActionKind.RIGHTS,
    "rights issue": ActionKind.RIGHTS,
    "유상증자": ActionKind.RIGHTS,
}
_RATIO = re.compile(r"([0-9]*\.?[0-9]+)\s*(?::|/|-?\s*for\s*-?)\s*([0-9]*\.?[0-9]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """One action; several of one kind on one day add up.

    value: of a split, new shares for one old (50.0 for 50:1, 0.05 for 1:20); of a dividend or special
    dividend, cash a share in raw terms on the ex-date; of a spin-off, by its unit, the price after it / the
    price before (below 1), or the worth of what a share was given; of rights, new shares offered for one old.
    price: what a new share of rights costs. unit: follows from the kind, except for a spin-off.
    """

    ex_date: date
    kind: ActionKind
    value: float
    source: str = ""
    unit: ActionUnit = ActionUnit.CASH
    price: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", _UNIT_OF.get(self.kind, self.unit))


ActionKey = tuple[int, date, ActionKind]
"""Instrument id, ex-date and kind: within them actions add up."""


def group_actions(
    actions: Iterable[tuple[int, CorporateAction]],
) -> dict[ActionKey, list[CorporateAction]]:
    """Actions by instrument id, in their order, by what adds up."""
    found: dict[ActionKey, list[CorporateAction]] = {}
    for instrument_id, one in actions:
        found.setdefault((instrument_id, one.ex_date, one.kind), []).append(one)
    return found


@dataclass(frozen=True, slots=True)
class Restated:
    """The actions of one instrument, kind and day from now on, and what is new and what changed in them."""

    actions: tuple[CorporateAction, ...]
    new: int
    changed: int


def restate(
    stored: Sequence[CorporateAction], given: Sequence[CorporateAction], *, beside: bool = False
) -> Restated:
    """What becomes of the actions of one instrument, kind and day when a source states them.

    A source that says nothing else than what is stored changes nothing, be it less; one that differs states
    them all anew. beside: what differs is added to what is stored instead.
    """
    open_, found = list(given), []
    for one in stored:
        same = next((new for new in open_ if _terms(new) == _terms(one)), None)
        if same is not None:
            open_.remove(same)
        found.append((one, same))
    if beside:
        return Restated((*stored, *open_), len(open_), 0)
    if not open_:
        actions = tuple(one if same is None else same for one, same in found)
        return Restated(actions, 0, sum(new != old for new, old in zip(actions, stored, strict=True)))
    resourced = sum(same is not None and same != one for one, same in found)
    replaced = min(sum(same is None for _, same in found), len(open_))
    return Restated(tuple(given), len(open_) - replaced, replaced + resourced)


def _terms(action: CorporateAction) -> tuple[object, ...]:
    return action.value, action.unit, action.price


def read_action(
    ex_date: date, kind: str, value: str, source: str = "", *, unit: str = "", price: str = ""
) -> CorporateAction:
    """An action as people and files write it.

    kind: a word of parse_kind. value: a plain number, or a ratio as 4:1, 1:20, 4/1, 4-for-1. unit: ratio or
    cash, needed by a spin-off whose value is a plain number. price: of a new share, needed by rights.
    Raises InvalidInputError, saying what is wrong and what would be right.
    """
    known = parse_kind(kind)
    ratio = _RATIO.fullmatch(value.strip())
    counted = _unit(known, unit, is_ratio=ratio is not None)
    if ratio is not None and counted is ActionUnit.CASH:
        raise InvalidInputError(f"{value!r} is a ratio, but a {_label(known)} is cash a share, as 0.25")
    number = _positive(ratio[1]) / _positive(ratio[2]) if ratio else _positive(value)
    if known is ActionKind.SPIN_OFF and counted is ActionUnit.RATIO and number >= 1:
        raise InvalidInputError(
            f"{value!r} is no price ratio of a spin-off: the price after it / the price before it, below 1"
        )
    if known is ActionKind.RIGHTS and not price.strip():
        raise InvalidInputError("rights need the price of a new share as well (column price)")
    paid = _positive(price) if known is ActionKind.RIGHTS else None
    return CorporateAction(ex_date, known, number, source, counted, paid)


def parse_kind(text: str) -> ActionKind:
    """The kind that a word names, in any case, with blanks, - or _. Raises InvalidInputError."""
    word = " ".join(re.split(r"[\s_-]+", text.strip().lower()))
    if word not in _WORDS:
        near = get_close_matches(word, _WORDS, 1)
        hint = f"; do you mean {_WORDS[near[0]]}?" if near else ""
        raise InvalidInputError(
            f"{text[:40]!r} is no kind of action{hint} (known are {', '.join(ActionKind)})"
        )
    return _WORDS[word]


def _unit(kind: ActionKind, text: str, *, is_ratio: bool) -> ActionUnit:
    word = text.strip().lower()
    if word and word not in tuple(ActionUnit):
        raise InvalidInputError(f"{text[:40]!r} is no unit of an action: ratio or cash")
    fixed = _UNIT_OF.get(kind)
    if fixed is None:
        if not word and not is_ratio:
            raise InvalidInputError(
                "a spin-off's value is a price ratio (after / before) or cash a share:"
                " say which in the column unit, ratio or cash"
            )
        return ActionUnit(word) if word else ActionUnit.RATIO
    if word and word != fixed:
        raise InvalidInputError(f"the value of a {_label(kind)} is {fixed}, not {word}")
    return fixed


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise InvalidInputError(f"{text[:40]!r} is not a number, nor a ratio like 4:1") from None
    if not (math.isfinite(number) and number > 0):
        raise InvalidInputError(f"an action's value must be positive, not {text[:40]}")
    return number


def _label(kind: ActionKind) -> str:
    return kind.value.replace("_", " ")
