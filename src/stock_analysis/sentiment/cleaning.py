"""Text as a person sees it, with the way back to what was written."""

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

_HIDDEN = re.compile(
    r"(?is)<(script|style)\b(?:(?!</\1).)*(?:</\1[^<>]{0,100}>?|\Z)"
    r"|<!--(?:(?!-->).)*(?:-->|\Z)"
    r"|</?[a-z][^<>]{0,2000}>"
    r"|https?://\S{1,2000}|\bwww\.\S{1,2000}"
    r"|[\w.+-]{1,64}@[$\w-]{1,63}(?:\.[$\w-]{1,63}){1,8}"
    r"|(?<![\w.])@\w{1,50}"
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_CLUSTER = re.compile(r"(?s).[\u0300-\u036f\u1160-\u11ff\u302a-\u302f\u3099\u309a]*")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "＇": "'"})


@dataclass(frozen=True, slots=True)
class Cleaned:
    """text: what is read. at[i]: the place of text[i] in what was written; at[len(text)] is its end."""

    text: str
    at: range | list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The part of the written text that text[start:end] was read from; end > start."""
        return self.at[start], max(self.at[end - 1] + 1, min(self.at[end], self.at[end - 1] + 32))


def clean(text: str) -> Cleaned:
    """What is read of a post: no markup, no addresses, no invisible characters, compatibility forms unified.

    Markup, links, e-mail addresses and @names become a space each; characters of the category Cf (zero-width,
    direction marks, soft hyphen) and other control characters vanish; entities are decoded; full-width and
    decomposed forms become the usual ones. The time it takes grows with the length only.
    """
    read = Cleaned(text, range(len(text) + 1))
    if _needs(text):
        read = _replaced(read, _ENTITY, lambda found: html.unescape(found.group()))
        read = _visible(read)
    if any(mark in read.text for mark in "<@:") or "www." in read.text.lower():
        read = _replaced(read, _HIDDEN, lambda _: " ")
    return Cleaned(read.text.translate(_APOSTROPHES), read.at)


def _needs(text: str) -> bool:
    return not text.isascii() or "&" in text or not text.isprintable()


def _replaced(read: Cleaned, pattern: re.Pattern[str], by: Callable[[re.Match[str]], str]) -> Cleaned:
    pieces: list[str] = []
    at: list[int] = []
    last = 0
    for found in pattern.finditer(read.text):
        pieces.append(read.text[last : found.start()])
        at.extend(read.at[last : found.start()])
        put = by(found)
        pieces.append(put)
        at.extend([read.at[found.start()]] * len(put))
        last = found.end()
    if not last:
        return read
    pieces.append(read.text[last:])
    at.extend(read.at[last:])
    return Cleaned("".join(pieces), at)


def _visible(read: Cleaned) -> Cleaned:
    """Without invisible characters, which may stand within a letter; then each letter in its usual form."""
    shown = [place for place, one in enumerate(read.text) if unicodedata.category(one) not in ("Cf", "Cc")]
    spaces = {place for place, one in enumerate(read.text) if one in "\t\n\v\f\r\x85"}
    kept = sorted({*shown, *spaces})
    text = "".join(" " if place in spaces else read.text[place] for place in kept)
    places = [*(read.at[place] for place in kept), read.at[len(read.text)]]
    pieces: list[str] = []
    at: list[int] = []
    for found in _CLUSTER.finditer(text):
        cluster = found.group()
        usual = cluster if cluster < "\x7f" else unicodedata.normalize("NFKC", cluster)
        pieces.append(usual)
        at.extend([places[found.start()]] * len(usual))
    return Cleaned("".join(pieces), [*at, places[-1]])


def unaccented(text: str) -> str:
    """The same length without accents: é is e; what has no plain form stays."""
    if text.isascii():
        return text
    return "".join(_plain(one) for one in text)


def _plain(one: str) -> str:
    if one < "\x80" or "\uac00" <= one <= "\ud7a3":
        return one
    first = unicodedata.normalize("NFD", one)[0]
    return first if first.isascii() else one
