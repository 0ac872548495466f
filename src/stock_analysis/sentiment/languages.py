"""In which language a text is written, as far as the model needs to know."""

from typing import Final

from stock_analysis.sentiment.cleaning import clean, unaccented

UNKNOWN: Final = "und"
"""No letters, or not enough to tell (ISO 639-2's code of an undetermined language)."""
OTHER: Final = "mul"
"""A language, or several, that the model was not trained for (ISO 639-2's code of several languages)."""

_READ = 4_000
_ENGLISH = frozenset(
    [
        "the",
        "a",
        "an",
        "to",
        "of",
        "and",
        "in",
        "on",
        "is",
        "are",
        "was",
        "be",
        "for",
        "with",
        "at",
        "it",
        "this",
        "that",
        "i",
        "you",
        "my",
        "we",
        "not",
        "from",
        "as",
        "by",
        "after",
        "over",
        "its",
        "what",
        "up",
        "down",
        "out",
        "new",
        "so",
        "all",
        "no",
        "how",
    ]
)
_FOREIGN = frozenset(
    [
        "der",
        "die",
        "und",
        "ist",
        "nicht",
        "ein",
        "eine",
        "mit",
        "auf",
        "von",
        "den",
        "das",
        "im",
        "es",
        "le",
        "la",
        "les",
        "des",
        "est",
        "une",
        "dans",
        "pour",
        "sur",
        "et",
        "que",
        "qui",
        "pas",
        "el",
        "los",
        "las",
        "una",
        "por",
        "con",
        "para",
        "del",
        "se",
        "su",
        "como",
        "mas",
        "il",
        "di",
        "che",
        "non",
        "per",
        "sono",
        "o",
        "os",
        "um",
        "uma",
        "nao",
        "em",
        "do",
        "da",
        "com",
        "het",
        "een",
        "van",
        "op",
        "voor",
        "niet",
        "og",
        "det",
        "som",
        "att",
        "och",
        "fur",
        "aus",
        "bei",
    ]
) - {"die", "do", "den", "as", "am", "on"}


def language_of(text: str) -> str:
    """ "en" or "ko", OTHER, or UNKNOWN: of a text without letters."""
    read = unaccented(clean(text[:_READ]).text)
    hangul = sum("가" <= one <= "힣" for one in read)
    latin = sum(one.isascii() and one.isalpha() for one in read)
    others = sum(one.isalpha() for one in read) - hangul - latin
    if hangul + latin + others < 2:
        return UNKNOWN
    if others > hangul + latin:
        return OTHER
    if 2 * hangul >= latin:
        return "ko"
    words = read.lower().split()
    english = sum(one in _ENGLISH for one in words)
    return OTHER if sum(one in _FOREIGN for one in words) > english else "en"
