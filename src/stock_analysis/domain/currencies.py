"""Currencies, and the minor units in which some markets quote: pence, agorot, cents."""

import re
from dataclasses import dataclass
from typing import Final

from stock_analysis.domain.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class MinorUnit:
    """A unit of prices that is a part of a currency. code: as stored. per_major: how many make one."""

    code: str
    name: str
    major: str
    per_major: int


_UNITS = (
    (MinorUnit("GBX", "pence sterling", "GBP", 100), "GBX GBp GBpence"),
    (MinorUnit("ILA", "agorot", "ILS", 100), "ILA ILa ILX ILx"),
    (MinorUnit("ZAC", "South African cents", "ZAR", 100), "ZAC ZAc ZAX"),
    (MinorUnit("USX", "US cents", "USD", 100), "USX USx USc"),
    (MinorUnit("EUX", "euro cents", "EUR", 100), "EUX EUx EUc"),
    (MinorUnit("CAX", "Canadian cents", "CAD", 100), "CAX CAx CAc"),
    (MinorUnit("AUX", "Australian cents", "AUD", 100), "AUX AUx AUc"),
    (MinorUnit("NZX", "New Zealand cents", "NZD", 100), "NZX NZx NZc"),
    (MinorUnit("HKX", "Hong Kong cents", "HKD", 100), "HKX HKx HKc"),
    (MinorUnit("SGX", "Singapore cents", "SGD", 100), "SGX SGx SGc"),
    (MinorUnit("MYX", "sen", "MYR", 100), "MYX MYx MYc"),
    (MinorUnit("BRX", "centavos", "BRL", 100), "BRX BRx BRc"),
    (MinorUnit("NAC", "Namibian cents", "NAD", 100), "NAC NAc"),
    (MinorUnit("BWT", "thebe", "BWP", 100), "BWT BWt BWp"),
    (MinorUnit("MWT", "tambala", "MWK", 100), "MWT MWt MWk"),
    (MinorUnit("KWF", "Kuwaiti fils", "KWD", 1000), "KWF KWf"),
    (MinorUnit("BHF", "Bahraini fils", "BHD", 1000), "BHF BHf"),
    (MinorUnit("JOF", "Jordanian fils", "JOD", 1000), "JOF JOf"),
    (MinorUnit("OMB", "baisa", "OMR", 1000), "OMB OMb OMr"),
    (MinorUnit("TNM", "millimes", "TND", 1000), "TNM TNm"),
)
MINOR_UNITS: Final = {unit.code: unit for unit, _ in _UNITS}
"""The minor units by their stored code."""

_BY_FORM = {form: unit for unit, forms in _UNITS for form in forms.split()}
QUOTED_IN_MINOR: Final = {"XLON": "GBX", "XJSE": "ZAC", "XTAE": "ILA"}
"""Markets that quote most shares in a minor unit, but not all of them."""


def parse_currency(text: str) -> str:
    """The stored code of a currency or minor unit: GBX for GBp, GBP for gbp.

    The case tells pence (GBp) from pounds (GBP). Raises InvalidInputError for what is neither.
    """
    word = text.strip()
    unit = _BY_FORM.get(word) or MINOR_UNITS.get(word.upper())
    if unit is not None:
        return unit.code
    is_mixed = not (word.isupper() or word.islower())
    if is_mixed or not re.fullmatch("[A-Za-z]{3}", word):
        raise InvalidInputError(
            f"{text[:20]!r} is no currency: three letters like USD, or a minor unit like "
            + ", ".join(list(_BY_FORM)[1:8:3])
        )
    return word.upper()


def minor_unit(currency: str) -> MinorUnit | None:
    """The minor unit that a stored currency is, None if it is a currency itself."""
    return MINOR_UNITS.get(currency)
