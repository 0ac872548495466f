"""Indicators that exist, which no schema would lead the generator to."""

import zlib
from typing import Any

import schemathesis

SPECS = (
    ["rsi(14)"],
    ["macd(12,26,9)", "BBANDS(timeperiod=20,nbdevup=2)"],
    ["sma", "ema(200)", "mavp", "obv", "stoch"],
    ["cdldoji", "cdl3blackcrows", "ht_sine"],
    ["sar(0.02,0.2)", "beta(5)", "ad()", "ma(30,1)"],
    ["ema(0)"],
    ["rsi(1e9)"],
    ["nothing(1)"],
    ["rsi("],
)


@schemathesis.hook
def map_query(_context: object, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Two of three lists of indicators are replaced by one that exists."""
    if query and isinstance(query.get("i"), list):
        chance = zlib.crc32(repr(sorted(query.items(), key=str)).encode())
        if chance % 3:
            query["i"] = list(SPECS[chance % len(SPECS)])
    return query
