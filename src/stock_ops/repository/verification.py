"""That a backup was found whole: read back to its last byte, or restored and compared by content."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

How = Literal["read", "restored"]


@dataclass(frozen=True, slots=True)
class Verification:
    """The last time that a backup was found whole, and how."""

    at: datetime
    how: How


def dump_verification(verification: Verification) -> bytes:
    """The text of verified.json."""
    return json.dumps({"at": verification.at.isoformat(), "how": verification.how}).encode() + b"\n"


def load_verification(data: bytes) -> Verification | None:
    """What a verified.json says; one that makes no sense verifies nothing."""
    try:
        body = json.loads(data)
        at, how = datetime.fromisoformat(body["at"]), body["how"]
    except (ValueError, KeyError, TypeError):
        return None
    return Verification(at, how) if at.tzinfo and how in get_args(How) else None
