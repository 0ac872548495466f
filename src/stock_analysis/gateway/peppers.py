"""The pepper of the API keys: a secret outside of the database, without which the stored hashes say nothing.

A hash is stored as SHA-256 of the token, XORed with HMAC-SHA-256 of the key's id under the pepper: a pad
that no other key has. Both peppers at hand, one can be changed for the other without the tokens, so that a
change of the pepper leaves no key behind. The row names its pepper, so that two may be in use at once.
"""

import hashlib
import hmac
from dataclasses import replace

from stock_analysis.gateway.ports import ApiKey
from stock_analysis.kit.secret_files import Secret


class Peppers:
    """The peppers that are valid now, the newest first; read at each use."""

    def __init__(self, secret: Secret | None = None) -> None:
        self._secret = secret or Secret()

    def seal(self, key: ApiKey) -> ApiKey:
        """The key as it is kept from now on. Raises LookupError when its present pepper is not known."""
        plain = self.unseal(key)
        for newest in self._secret.read()[:1]:
            return replace(plain, hash=_pad(plain.hash, key, newest), pepper=_name(newest))
        return plain

    def unseal(self, key: ApiKey) -> ApiKey:
        """The key as it is kept without a pepper. Raises LookupError when its present pepper is not known."""
        return replace(key, hash=self._open(key), pepper=None)

    def matches(self, key: ApiKey, token: str) -> bool:
        """Whether the key is that of the token. Raises LookupError when its pepper is not known."""
        return hmac.compare_digest(self._open(key), sha256(token))

    def _open(self, key: ApiKey) -> bytes:
        if key.pepper is None:
            return key.hash
        for pepper in self._secret.read():
            if _name(pepper) == key.pepper:
                return _pad(key.hash, key, pepper)
        raise LookupError(f"the pepper {key.pepper} of the key {key.prefix} is not known here")


def sha256(token: str) -> bytes:
    """Of a token. A plain hash is enough: unlike a password, 160 random bits cannot be guessed."""
    return hashlib.sha256(token.encode()).digest()


def _name(pepper: str) -> str:
    return hmac.digest(pepper.encode(), b"name", "sha256")[:4].hex()


def _pad(value: bytes, key: ApiKey, pepper: str) -> bytes:
    pad = hmac.digest(pepper.encode(), b"key:" + key.id.bytes, "sha256")
    return bytes(one ^ other for one, other in zip(value, pad, strict=True))
