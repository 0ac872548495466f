"""Authentication tags: they prove that an object was written by this instance, here and under its name. Pure.

An object of JSON carries its tag in its last member; a segment or history of the log in a frame before its
compressed data, which `zstd -d` skips. Parts of a backup are authenticated by its manifest, block by block.
"""

import hashlib
import hmac
import re
import struct
from dataclasses import dataclass, field

from stock_ops.storage.marks import MARKS
from stock_ops.storage.objects import BACKUPS, LEDGER, REPOSITORY, WAL

MEMBER = "hmac_sha256"
"""The last member of a JSON object that carries a tag."""

_INFO = b"stock-analysis backups: authentication key 1"
_TAG_BYTES = 32
_END = b"}\n"
_BEFORE = f', "{MEMBER}": "'.encode()
_SUFFIX = re.compile(re.escape(_BEFORE) + rb'([0-9a-f]{64})"}\n')
_SUFFIX_BYTES = len(_BEFORE) + 2 * _TAG_BYTES + len(b'"}\n')
_SKIPPABLE = 0x184D2A5A
"""A zstd frame that every decompressor skips; RFC 8878, 3.1.2."""
_FRAME = struct.Struct(f"<IIQ{_TAG_BYTES}s")
FRAME_BYTES = _FRAME.size
_CONTENT_BYTES = FRAME_BYTES - 8
_OF_JSON = re.compile(
    rf"{REPOSITORY}|{LEDGER}[^/]+\.json|{MARKS}[^/]+\.json|{BACKUPS}[^/]+/(manifest|verified|damaged)\.json"
)


@dataclass(frozen=True, slots=True)
class AuthenticationKey:
    """Derived from the private key of the backups, so that who has that one has this one, too."""

    recipient: str
    """The public key of the pair that it comes from."""
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame before compressed log."""

    ledger: int
    """Number of the newest entry of the ledger when the log was shipped."""
    tag: bytes


def derive_key(recipient: str, identity: str) -> AuthenticationKey:
    """The authentication key of a private key. From it nobody comes back to the private key."""
    return AuthenticationKey(recipient, hkdf_sha256(identity.encode("ascii"), _INFO))


def hkdf_sha256(secret: bytes, info: bytes, salt: bytes = b"") -> bytes:
    """32 bytes by HKDF with SHA-256 (RFC 5869): one round of it."""
    extracted = hmac.digest(salt or bytes(_TAG_BYTES), secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def tag_of(key: AuthenticationKey, storage_id: str, name: str, content: bytes, ledger: int = 0) -> bytes:
    """The tag of an object: it belongs to this storage, to this name and to this content alone.

    storage_id: drawn once for a storage; empty for the object that holds it.
    """
    fields = (storage_id.encode(), name.encode(), ledger.to_bytes(8), hashlib.sha256(content).digest())
    text = b"".join(len(one).to_bytes(8) + one for one in fields)
    return hmac.digest(key.secret, text, "sha256")


def is_equal(one: bytes, other: bytes) -> bool:
    """Compare two tags in constant time."""
    return hmac.compare_digest(one, other)


def is_tagged_json(name: str) -> bool:
    """Whether objects of that name carry their tag in their last member."""
    return _OF_JSON.fullmatch(name) is not None


def is_log(name: str) -> bool:
    """Whether objects of that name carry their tag in a frame."""
    return name.startswith(WAL)


def with_tag(text: bytes, tag: bytes) -> bytes:
    """A JSON object, which ends with a brace and a line feed and is not empty, with its tag."""
    if not text.endswith(_END):
        raise ValueError("it is no JSON object that ends with a line feed")
    return b"".join((text.removesuffix(_END), _BEFORE, tag.hex().encode(), b'"', _END))


def split_tag(data: bytes) -> tuple[bytes, bytes | None]:
    """The text of an object and its tag; None where it has none."""
    found = _SUFFIX.fullmatch(data[-_SUFFIX_BYTES:])
    if found is None or len(data) < _SUFFIX_BYTES:
        return data, None
    return data[:-_SUFFIX_BYTES] + _END, bytes.fromhex(found[1].decode())


def frame_of(tag: bytes, ledger: int) -> bytes:
    """The frame before compressed log."""
    return _FRAME.pack(_SKIPPABLE, _CONTENT_BYTES, ledger, tag)


def split_frame(data: bytes) -> tuple[Frame | None, bytes]:
    """The frame, if there is one, and the compressed data behind it."""
    if len(data) < FRAME_BYTES:
        return None, data
    magic, size, ledger, tag = _FRAME.unpack_from(data)
    if (magic, size) != (_SKIPPABLE, _CONTENT_BYTES):
        return None, data
    return Frame(ledger, tag), data[FRAME_BYTES:]
