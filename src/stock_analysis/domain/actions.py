"""Corporate actions: what changes a share without a trade."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class ActionKind(StrEnum):
    """What happened."""

    SPLIT = "split"
    DIVIDEND = "dividend"


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """One split or dividend.

    value: of a split, new shares for one old (50.0 for 50:1, 0.05 for 1:20); of a dividend, cash a
    share in raw terms on the ex-date.
    """

    ex_date: date
    kind: ActionKind
    value: float
    source: str = ""
