"""Stored prices that were adjusted before they came: which actions are still to be taken out of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from stock_analysis.domain.actions import ActionKind, ActionUnit, CorporateAction

AS_TRADED, FREE_OF_SPLITS, FREE_OF_ALL = "none", "split", "all"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is taken out of stored prices already, of actions up to and on a day."""

    adjusted: str = AS_TRADED
    until: date | None = None


def still_to_apply(actions: Sequence[CorporateAction], terms: Terms) -> list[CorporateAction]:
    """The actions that prices in these terms have not gone through yet.

    Of prices free of splits, cash a share is in today's shares: divided by the splits after it.
    """
    if terms.adjusted == AS_TRADED or terms.until is None:
        return list(actions)
    later = [one for one in actions if one.ex_date > terms.until]
    if terms.adjusted == FREE_OF_ALL:
        return later
    covered = [one for one in actions if one.ex_date <= terms.until]
    splits = [one for one in covered if one.kind is ActionKind.SPLIT]
    return [_in_todays_shares(one, splits) for one in covered if one.kind is not ActionKind.SPLIT] + later


def _in_todays_shares(action: CorporateAction, splits: Sequence[CorporateAction]) -> CorporateAction:
    shares = math.prod(one.value for one in splits if one.ex_date > action.ex_date)
    price = None if action.price is None else action.price / shares
    if action.unit is ActionUnit.RATIO:
        return replace(action, price=price)
    return replace(action, value=action.value / shares, price=price)
