"""What a dry run tells besides its steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the steps of a dry run would lead to: lines for people, data for programs."""

    lines: Sequence[tuple[str, str]]
    data: Mapping[str, Any]
