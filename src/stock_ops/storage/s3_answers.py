"""What an S3 service answers, read by its code, in words with the next step. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from stock_ops.storage.storage import LockedObjectError, StorageError

Kind = Literal[
    "archived",
    "bucket",
    "checksum",
    "clock",
    "conflict",
    "damaged",
    "denied",
    "encryption",
    "expired",
    "full",
    "id",
    "internal",
    "lock",
    "name",
    "region",
    "secret",
    "slow",
    "suspended",
    "timeout",
    "token",
    "unknown",
    "unreachable",
]


@dataclass(frozen=True, slots=True)
class Answer:
    """An error as the service told it; texts are empty where it told nothing."""

    status: int | None
    code: str
    message: str
    method: str
    """Of the request: GET, PUT, POST, HEAD, DELETE."""
    region: str
    """Where the bucket is, if the service says so."""
    skew: timedelta | None
    """How far this machine's clock is ahead of the service's."""
    text: str
    """All of it, on one line."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for what."""

    where: str
    bucket: str
    region: str
    keys_from: str
    """Where the credentials come from, for people."""


def read_answer(told: str) -> Answer:
    """The answer in the text of an error of obstore, which quotes the service's XML."""
    text = " ".join(told.split()).partition(" Debug source: ")[0]
    status = re.search(r"status code: (\d{3})\b", text)
    code = _tag(text, "Code") or _found(r"\(code: ([\w.]+)\)", text)
    if not code and "redirect without LOCATION" in text:
        code = "PermanentRedirect"
    message = _tag(text, "Message") or _found(r"request failed for key \S+ (.*) \(code: ", text)
    return Answer(
        status=int(status[1]) if status else None,
        code=code,
        message=message,
        method=_found(r"Error performing ([A-Z]+) ", text) or ("DELETE" if "DeleteObjects" in text else ""),
        region=_tag(text, "Region") or _found(r"expecting '([a-z0-9-]+)'", text) or _region_of(text),
        skew=_skew(text),
        text=text,
    )


def explain(answer: Answer, asked: Asked) -> StorageError:
    """The error with why and what to do; LockedObjectError where a retention keeps an object."""
    kind = kind_of(answer)
    why, todo = _WORDS[kind]
    details = {
        "where": asked.where,
        "bucket": asked.bucket,
        "keys": asked.keys_from,
        "region": _told_region(answer, asked),
        "clock": _told_clock(answer),
        "right": _RIGHTS.get(answer.method, "list, read, write and delete"),
        "told": _told(answer),
    }
    if kind == "lock" and answer.method == "PUT":
        todo = _NO_REPLACING
    error = LockedObjectError if kind == "lock" else StorageError
    return error(f"{why.format_map(details)}.", todo.format_map(details))


def kind_of(answer: Answer) -> Kind:
    """What the answer is about: the code decides; without one, the status and the transport."""
    message = answer.message.lower()
    if answer.code in _LOCK_CODES or (answer.code in _MAY_BE_LOCKS and _LOCK.search(message)):
        return "lock"
    if answer.code == "InvalidRequest" and _CHECKSUM.search(message):
        return "checksum"
    if answer.code.startswith("KMS"):
        return "encryption"
    if kind := _CODES.get(answer.code):
        return kind
    if answer.code:
        return "unknown"
    if kind := _STATUSES.get(answer.status or 0):
        return kind
    return "unreachable" if answer.status is None and _TRANSPORT.search(answer.text) else "unknown"


_LOCK = re.compile(r"object.?lock|\bworm\b|retention|legal hold|immutab|under active hold")
_CHECKSUM = re.compile(r"content-md5|checksum")
_TRANSPORT = re.compile(r"error sending request|TimedOut|timed out|error decoding response body|connection")
_MAY_BE_LOCKS = frozenset({"AccessDenied", "InvalidRequest", "MethodNotAllowed", "Forbidden"})
_LOCK_CODES = frozenset(
    {
        "FileImmutable",
        "ObjectImmutable",
        "ObjectLocked",
        "ObjectUnderActiveHold",
        "RetentionPolicyNotMet",
    }
)

_CODES: Mapping[str, Kind] = {
    "RequestTimeTooSkewed": "clock",
    "RequestInTheFuture": "clock",
    "ExpiredToken": "expired",
    "ExpiredTokenException": "expired",
    "RequestExpired": "expired",
    "TokenRefreshRequired": "expired",
    "InvalidClientTokenId": "token",
    "InvalidToken": "token",
    "UnrecognizedClientException": "token",
    "InvalidAccessKeyId": "id",
    "SignatureDoesNotMatch": "secret",
    "AccessDenied": "denied",
    "Forbidden": "denied",
    "AccountProblem": "suspended",
    "AllAccessDisabled": "suspended",
    "NotSignedUp": "suspended",
    "UserSuspended": "suspended",
    "AuthorizationHeaderMalformed": "region",
    "IllegalLocationConstraintException": "region",
    "IncorrectEndpoint": "region",
    "PermanentRedirect": "region",
    "Redirect": "region",
    "TemporaryRedirect": "region",
    "BandwidthLimitExceeded": "slow",
    "Busy": "slow",
    "RequestLimitExceeded": "slow",
    "ServerBusy": "slow",
    "ServiceUnavailable": "slow",
    "SlowDown": "slow",
    "SlowDownRead": "slow",
    "SlowDownWrite": "slow",
    "Throttling": "slow",
    "ThrottlingException": "slow",
    "TooManyRequests": "slow",
    "InternalError": "internal",
    "InternalServerError": "internal",
    "RequestTimeout": "timeout",
    "MissingContentMD5": "checksum",
    "BadDigest": "damaged",
    "InvalidDigest": "damaged",
    "XAmzContentSHA256Mismatch": "damaged",
    "InsufficientStorage": "full",
    "QuotaExceeded": "full",
    "QuotaExceededException": "full",
    "StorageFull": "full",
    "XMinioAdminBucketQuotaExceeded": "full",
    "XMinioStorageFull": "full",
    "NoSuchBucket": "bucket",
    "InvalidBucketName": "name",
    "InvalidObjectState": "archived",
    "ConditionalRequestConflict": "conflict",
    "OperationAborted": "conflict",
}
_STATUSES: Mapping[int, Kind] = {
    301: "region",
    307: "region",
    401: "denied",
    403: "denied",
    408: "timeout",
    429: "slow",
    500: "internal",
    502: "internal",
    503: "slow",
    504: "timeout",
    507: "full",
}
_RIGHTS = {
    "GET": "list and read (s3:ListBucket, s3:GetObject)",
    "HEAD": "read (s3:GetObject)",
    "PUT": "write (s3:PutObject)",
    "POST": "write and delete (s3:PutObject, s3:DeleteObject)",
    "DELETE": "delete (s3:DeleteObject)",
}
_AGAIN = "it is tried again."
_WORDS: Mapping[Kind, tuple[str, str]] = {
    "clock": (
        "{where} refuses this machine's clock: {clock}",
        "Set the clock and keep it right (timedatectl set-ntp true); then try again.",
    ),
    "expired": (
        "{where} refuses the keys: their session token has expired ({keys})",
        "Write new keys with a new session token there; they are read again within minutes.",
    ),
    "token": (
        "{where} refuses the keys: it does not know their session token ({keys})",
        "Write the three that belong together there: access key, secret, session token.",
    ),
    "id": (
        "{where} refuses the keys: it knows no access key of that id ({keys})",
        "Correct access_key_id there; a key that was deleted or disabled looks the same.",
    ),
    "secret": (
        "{where} refuses the keys: the secret does not fit the access key ({keys})",
        "Correct secret_access_key there; if it is right, check s3_endpoint and s3_region in backup.toml.",
    ),
    "denied": (
        "{where} refuses the keys the right to {right} ({keys}){told}",
        "Allow it in the bucket's policy and the user's; docs/backups.md lists what is needed.",
    ),
    "suspended": ("{where} refuses the account{told}", "See to the account at the provider."),
    "region": (
        "{where} is in another region: {region}",
        "Correct s3_region (and s3_endpoint, if it is set) in backup.toml.",
    ),
    "slow": ("{where} asks for fewer requests: it is overloaded, or a limit is reached", f"Wait; {_AGAIN}"),
    "internal": ("{where} has an error of its own{told}", f"See the service's status page; {_AGAIN}"),
    "timeout": ("{where} does not answer in time", f"Check the network and the service; {_AGAIN}"),
    "checksum": (
        "{where} wants a checksum with each object, and did not take the one that was sent{told}",
        "See whether the service takes x-amz-checksum-sha256; buckets with object lock need it.",
    ),
    "damaged": (
        "{where} received other bytes than were sent{told}",
        "Check the network and this machine's memory; nothing half-written counts as a backup.",
    ),
    "full": (
        "{where} is full{told}",
        "Make room or raise the quota there, or shorten keep_days in backup.toml and prune.",
    ),
    "bucket": (
        "There is no bucket {bucket}",
        "Make it, or correct `storage` in backup.toml.",
    ),
    "name": (
        "{where} cannot be used: {bucket} is no name of a bucket there",
        "Correct `storage` in backup.toml.",
    ),
    "archived": (
        "{where} has moved the object to an archive that must be thawed first{told}",
        "Restore the object's class at the provider (S3: RestoreObject), and take its lifecycle rule away: "
        "backups must be readable at once.",
    ),
    "lock": (
        "{where} keeps the object: its object lock (a retention, or a legal hold) forbids to delete or "
        "replace it{told}",
        "Nothing to do: it goes when its retention has ended and backups are pruned again. If that is too "
        "long, shorten the bucket's default retention for new objects.",
    ),
    "encryption": (
        "{where} cannot use the encryption key of the bucket{told}",
        "Allow these credentials to use that key, and see that it is enabled (KMS).",
    ),
    "conflict": ("{where} is busy with the same object elsewhere{told}", f"Wait; {_AGAIN}"),
    "unreachable": (
        "{where} cannot be reached, or does not answer in time",
        "Check the network, and s3_endpoint in backup.toml; then try again.",
    ),
    "unknown": (
        "{where} fails{told}",
        "Look the code up in the service's manual; an incomplete upload does not count as a backup.",
    ),
}


_NO_REPLACING = (
    "The newest log is replaced every second: turn the bucket's versioning on, so that a retention keeps the "
    "old version and lets a new one be written."
)


def _told(answer: Answer) -> str:
    """The service's own words, as a remark."""
    words = answer.message[:200].rstrip(".") or ("" if answer.code else answer.text[:200])
    found = ", ".join(part for part in (answer.code, words) if part)
    return f" ({found})" if found else ""


def _told_region(answer: Answer, asked: Asked) -> str:
    here = f"s3_region is {asked.region}"
    return f"{answer.region}, but {here}" if answer.region else f"{here}, and the bucket is elsewhere"


def _told_clock(answer: Answer) -> str:
    if answer.skew is None:
        return "it is more than 15 minutes wrong"
    way = "ahead of" if answer.skew > timedelta(0) else "behind"
    return f"it is {_span(abs(answer.skew))} {way} the service's"


def _span(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.1f} h" if minutes < 2880 else f"{minutes / 1440:.1f} days"


def _tag(text: str, name: str) -> str:
    return _found(rf"<{name}>([^<]*)</{name}>", text)


def _region_of(text: str) -> str:
    """The region in the address to which the service points."""
    return _found(r"<Endpoint>[^<]*?\bs3[.-]([a-z]{2}-[a-z]+(?:-[a-z]+)?-\d)\.", text)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1].strip() if found else ""


def _skew(text: str) -> timedelta | None:
    """RequestTime is written 20261129T101500Z, ServerTime 2026-11-29T10:15:00Z."""
    try:
        ours = datetime.fromisoformat(_tag(text, "RequestTime"))
        theirs = datetime.fromisoformat(_tag(text, "ServerTime"))
        return ours - theirs
    except (ValueError, TypeError):
        return None
