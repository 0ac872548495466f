"""Near-copies: fingerprints of texts by MinHash, and the groups of texts that are nearly the same.

Broder, "On the resemblance and containment of documents" (1997). Two texts are near-copies when the share of
their four-letter pieces that they have in common (Jaccard) is about NEAR or more.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HASHES = 64
"""Numbers in a fingerprint; the share of equal ones estimates the resemblance to about 0.06."""
NEAR = 0.7
_BANDS = 16
"""Texts that resemble each other by NEAR share one of them with a probability of 0.99."""
_PIECE = 4
_PRIME = np.uint64(2**31 - 1)
_DRAWS = np.random.default_rng(20261129)
_FACTORS = _DRAWS.integers(1, 2**31 - 1, HASHES, dtype=np.uint64)
_OFFSETS = _DRAWS.integers(0, 2**31 - 1, HASHES, dtype=np.uint64)
_VARIABLE = re.compile(r"https?://\S+|www\.\S+|[@$#][\w.]+|\d[\d.,:%]*")
"""What a flood of one text changes from copy to copy: links, names, tags, numbers."""

Fingerprints = NDArray[np.uint32]


def fingerprint_of(text: str) -> bytes:
    """The fingerprint of a text: HASHES big-endian uint32.

    Links, names, tags and numbers do not count, nor do case, accents of width and punctuation; where nothing
    else is left, the text as it is.
    """
    pieces = _pieces(text)
    numbers = np.array([_number(one) for one in pieces], dtype=np.uint64)
    hashed = (numbers[:, None] * _FACTORS + _OFFSETS) % _PRIME
    return bytes(hashed.min(axis=0).astype(">u4"))


def fingerprints(rows: Sequence[bytes]) -> Fingerprints:
    """(n, HASHES) out of n fingerprints."""
    joined = np.frombuffer(b"".join(rows), ">u4")
    return joined.astype(np.uint32).reshape(-1, HASHES)


def groups_of(prints: Fingerprints) -> list[int]:
    """For each of n texts the number of its group of near-copies: the least index of a member.

    A text that resembles two others joins their groups. The groups do not depend on the order of the texts.
    """
    exact: dict[bytes, list[int]] = defaultdict(list)
    for index, row in enumerate(prints):
        exact[row.tobytes()].append(index)
    firsts = [members[0] for members in exact.values()]
    parents = Parents(len(prints))
    for members in exact.values():
        for other in members[1:]:
            parents.join(members[0], other)
    width = HASHES // _BANDS
    for band in range(_BANDS):
        alike: dict[bytes, list[int]] = defaultdict(list)
        for index in firsts:
            alike[prints[index, band * width : (band + 1) * width].tobytes()].append(index)
        for members in alike.values():
            _join_near(prints, members, parents)
    return [parents.of(index) for index in range(len(prints))]


def _join_near(prints: Fingerprints, members: list[int], parents: "Parents") -> None:
    if len(members) < 2:
        return
    rows = prints[members]
    for place, index in enumerate(members[:-1]):
        later = members[place + 1 :]
        if all(parents.of(one) == parents.of(index) for one in later):
            continue
        share = (rows[place + 1 :] == rows[place]).mean(axis=1)
        for other in np.flatnonzero(share >= NEAR):
            parents.join(index, later[other])


class Parents:
    """Sets that are joined; each is known by its least member."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def of(self, index: int) -> int:
        """The least member of the set that this one is in."""
        while self._parents[index] != index:
            self._parents[index] = self._parents[self._parents[index]]
            index = self._parents[index]
        return index

    def join(self, one: int, other: int) -> None:
        """Make one set of the two that these are in."""
        first, second = sorted((self.of(one), self.of(other)))
        self._parents[second] = first


def _pieces(text: str) -> set[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    letters = "".join(one if one.isalnum() else " " for one in _VARIABLE.sub(" ", plain))
    kept = " ".join(letters.split()) or plain.strip()
    return {kept[start : start + _PIECE] for start in range(max(1, len(kept) - _PIECE + 1))}


def _number(piece: str) -> int:
    return int.from_bytes(hashlib.blake2b(piece.encode(), digest_size=4).digest()) & 0x7FFFFFFF
