"""In which terms prices are: as traded, or adjusted already; what the prices themselves tell of it."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from stock_analysis.domain.errors import InvalidInputError
from stock_analysis.ingest.forms import Adjusted
from stock_analysis.ingest.gate import Verdict
from stock_analysis.ingest.rows import AroundSplit, Listed

TERMS = {
    "none": "as traded",
    "split": "adjusted for splits",
    "all": "adjusted for splits and dividends",
}
_PRICES = ("open", "high", "low", "close")
_SAME_SCALE, _OTHER_SCALE = math.log(1.01), math.log(1.015)
_LEAST_SPLIT = math.log(1.3)
_SHARE = 0.6


def check_given_terms(given: Adjusted | None, listed: Sequence[Listed]) -> None:
    """Raises InvalidInputError if the prices of an instrument are stored in other terms than was said now."""
    for one in listed:
        stored = one.adjusted or "none"
        if given is not None and given != stored:
            was, now = TERMS[stored], TERMS[given]
            raise InvalidInputError(
                f"the prices of {one.symbol} are stored {was}, and this file is said to be {now}: "
                f"import it under another --symbol, or, if what is stored is {now}, say "
                f"`stock-analysis instrument set {one.symbol} --adjusted {given}` first"
            )


def check_same_terms(verdict: Verdict, symbols: Mapping[int, str]) -> None:
    """Whether the rows that would correct stored bars are a second source in other terms.

    Such rows are scaled as a whole: all four prices by the same factor. Raises InvalidInputError with the
    evidence if most corrections of an instrument, and two at least, are.
    """
    new, old = verdict.corrected, verdict.replaced
    if len(new) < 2:
        return
    both = np.ones(len(new), np.bool_)
    for name in _PRICES:
        both &= (new[name] > 0) & (old[name] > 0)
    new, old = new[both], old[both]
    ratio = np.stack([np.log(new[name] / old[name]) for name in _PRICES])
    scaled = (np.ptp(ratio, axis=0) <= _SAME_SCALE) & (np.abs(ratio[3]) > _OTHER_SCALE)
    for instrument in np.unique(new["instrument"][scaled]).tolist():
        own = new["instrument"] == instrument
        count = int((own & scaled).sum())
        if count >= max(2, _SHARE * int(own.sum())):
            factors = np.exp(ratio[3][own & scaled])
            low, high = factors.min(), factors.max()
            shown = f"{low:.4g}" if high / low < 1.001 else f"{low:.4g} to {high:.4g}"
            where = (
                f"{symbols.get(int(instrument), '?')}: on {count} of {int(own.sum())} days that it changes"
            )
            raise InvalidInputError(
                f"{where}, this file has {shown} times the stored prices: it is in other terms (adjusted, or "
                "another currency). If it is right and what is stored is wrong, say --adjusted with the "
                "terms that are stored; else import it under another --symbol"
            )


def weigh(around: Sequence[AroundSplit]) -> tuple[bool, list[str]]:
    """Whether the prices of one instrument are adjusted for its splits already, and what to tell the user."""
    told = [
        one for one in around if abs(math.log(one.ratio)) > _LEAST_SPLIT and min(one.before, one.after) > 0
    ]
    smooth = [one for one in told if not _jumps(one)]
    said = around[0].adjusted if around else None
    if said is None and smooth and len(smooth) == len(told):
        symbol = smooth[0].symbol
        undo = f"`stock-analysis instrument set {symbol} --adjusted none` if they are not"
        what = "taken for adjusted for splits, which are not applied again"
        return True, [f"{_evidence(smooth)}: {what}; {undo}"]
    if said in {None, "none"} and smooth:
        return False, [f"{_evidence(smooth)}, but the prices are taken as traded"]
    jumping = [one for one in told if _jumps(one)]
    if said in {"split", "all"} and jumping:
        one = jumping[0]
        text = f"{one.symbol}: the prices jump at the split of {one.ratio:g} on {one.ex_date}"
        return False, [
            f"{text} ({one.before:g} before, {one.after:g} after), but are said to be {TERMS[said]}"
        ]
    return False, []


def _jumps(one: AroundSplit) -> bool:
    moved, expected = math.log(one.before / one.after), math.log(one.ratio)
    return abs(moved - expected) <= abs(moved)


def _evidence(smooth: Sequence[AroundSplit]) -> str:
    one = smooth[0]
    return (
        f"{one.symbol}: the prices do not jump at the split of {one.ratio:g} on {one.ex_date} "
        f"({one.before:g} before, {one.after:g} after)"
    )
