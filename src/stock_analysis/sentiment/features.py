"""What the model sees of a text: in English stems and pairs of them, in Korean pieces of words."""

import re
from itertools import pairwise

from stock_analysis.sentiment.cleaning import clean, unaccented

MAX_TOKENS = 400
"""Of one text; what follows is not read. A post that says more than that says it at the beginning, too."""
_MAX_CHARACTERS = 20_000

_FIGURE = r"(?P<percent>(?:(?<!\d)[+-]\s?)?\d{1,9}(?:[.,]\d{1,9}){0,3}\s?(?:%|percent\b|pct\b))"
_TOKEN = re.compile(
    rf"{_FIGURE}|(?P<number>\$?\d{{1,9}}(?:[.,]\d{{1,9}}){{0,3}}(?:[a-z]{{1,2}}\b)?)"
    r"|(?P<cashtag>\$[A-Za-z]{1,6}(?:[.-][A-Za-z])?\b)"
    r"|(?P<capitals>\b[A-Z][A-Z.]{0,4}\b(?!'))"
    r"|(?P<word>[A-Za-z]+(?:'[A-Za-z]+)?)"
    r"|(?P<mark>[?!\u2190-\u2bff\U0001f300-\U0001faff])"
)
_KOREAN_TOKEN = re.compile(
    rf"{_FIGURE}|(?P<number>\d{{1,9}}(?:[.,]\d{{1,9}}){{0,3}})|(?P<korean>[가-힣]{{1,30}})"
    r"|(?P<word>[A-Za-z]{1,30})|(?P<mark>[?!\u1100-\u11ff\u2190-\u2bff\U0001f300-\U0001faff])"
)
_ABBREVIATIONS = frozenset(
    (
        "A",
        "I",
        "CEO",
        "CFO",
        "FDA",
        "SEC",
        "FTC",
        "EU",
        "US",
        "USA",
        "UK",
        "IPO",
        "ETF",
        "EPS",
        "AI",
        "EV",
        "OK",
        "NO",
    )
)
_ENDINGS = re.compile(r"(?:'s|ing|edly|ed|es|s|ly|e)\Z")
_PIECES = (2, 3)


def features(text: str, language: str) -> list[str]:
    """The features of a text in "en" or "ko"; each as often as it stands there.

    Tickers are one feature, figures one for each kind: what is said of one stock counts for all.
    """
    return _korean(_read(text)) if language == "ko" else _english(_read(text))


def _read(text: str) -> str:
    return unaccented(clean(text[:_MAX_CHARACTERS]).text)


def _english(read: str) -> list[str]:
    shouting = sum(one.isupper() for one in read) > 0.6 * sum(one.isalpha() for one in read)
    single: list[str] = []
    for match in _TOKEN.finditer(read):
        single.append(_token(match, shouting=shouting))
        if len(single) == MAX_TOKENS:
            break
    return single + [f"{first} {second}" for first, second in pairwise(single)]


def _korean(read: str) -> list[str]:
    found: list[str] = []
    for count, match in enumerate(_KOREAN_TOKEN.finditer(read)):
        if count == MAX_TOKENS:
            break
        if match.lastgroup != "korean":
            found.append("SYM" if match.lastgroup == "word" else _token(match, shouting=False))
            continue
        word = f"^{match.group()}$"
        found.extend(word[at : at + size] for size in _PIECES for at in range(len(word) - size + 1))
    return found


def _token(match: re.Match[str], *, shouting: bool) -> str:
    written = match.group()
    kind = match.lastgroup
    if kind == "percent":
        return {"+": "UPPCT", "-": "DOWNPCT"}.get(written[0], "PCT")
    if kind == "number":
        return "NUM"
    if kind == "cashtag" or (kind == "capitals" and not shouting and written not in _ABBREVIATIONS):
        return "SYM"
    return written if kind == "mark" else stem(written.lower())


def stem(word: str) -> str:
    """The word without its ending: surges, surged and surging are one. For features, not for people."""
    if len(word) < 4 or "n't" in word:
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    short = _ENDINGS.sub("", word)
    if len(short) < 3:
        return word
    if len(short) > 3 and short[-1] == short[-2] and short[-1] not in "lsz":
        short = short[:-1]
    return short.removesuffix("e") if len(short) > 3 else short
