"""The last verification of a backup: whole, when read back or restored and compared; or its damage."""

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


@dataclass(frozen=True, slots=True)
class Damage:
    """The damage that the last verification of a backup found."""

    at: datetime
    why: str


def dump_damage(damage: Damage) -> bytes:
    """The text of damaged.json."""
    return json.dumps({"at": damage.at.isoformat(), "why": damage.why}).encode() + b"\n"


def load_damage(data: bytes) -> Damage | None:
    """The damage in a damaged.json; None when it makes no sense."""
    try:
        body = json.loads(data)
        return Damage(datetime.fromisoformat(body["at"]), str(body["why"]))
    except (ValueError, KeyError, TypeError):
        return None


def dump_verification(verification: Verification) -> bytes:
    """The text of verified.json."""
    return json.dumps({"at": verification.at.isoformat(), "how": verification.how}).encode() + b"\n"


def load_verification(data: bytes) -> Verification | None:
    """The verification in a verified.json; None when it makes no sense."""
    try:
        body = json.loads(data)
        at, how = datetime.fromisoformat(body["at"]), body["how"]
    except (ValueError, KeyError, TypeError):
        return None
    return Verification(at, how) if at.tzinfo and how in get_args(How) else None
