"""The session of the page: a signed cookie in place of an API key, which no script of the page can read."""

import hashlib
import time

from itsdangerous import BadSignature, TimestampSigner

from stock_analysis.kit.secret_files import Secret

COOKIE = "stock_analysis_session"
SESSION_S = 12 * 3600
"""How long a session lives. For as long the key that signed it stays valid beside its successor."""


class Sessions:
    """Makes and reads the cookies, by a secret that may change: the one before it is still believed.

    The signing key before the present one ends by itself, SESSION_S after the file was changed, because no
    session that it signed lives longer.
    """

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def begin(self, prefix: str) -> str | None:
        """The cookie of a session for the key of this prefix; None where there is no signing key."""
        signer = self._signer()
        return signer.sign(prefix).decode() if signer else None

    def read(self, cookie: str) -> str | None:
        """The prefix of the key, if the cookie is ours and not too old."""
        signer = self._signer()
        if signer is None:
            return None
        try:
            return signer.unsign(cookie, max_age=SESSION_S, return_timestamp=False).decode()
        except (BadSignature, UnicodeDecodeError):
            return None

    def _signer(self) -> TimestampSigner | None:
        """Raises OSError when the secret cannot be read."""
        newest_first = self._secret.read()
        if len(newest_first) > 1 and self._secret.file and _age_s(self._secret) > SESSION_S:
            newest_first = newest_first[:1]
        if not newest_first:
            return None
        return TimestampSigner(newest_first[::-1], salt=b"page session", digest_method=hashlib.sha256)


def _age_s(secret: Secret) -> float:
    return time.time() - secret.file.stat().st_mtime if secret.file else 0.0
