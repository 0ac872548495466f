"""The change of a secret under running clients, in steps that may each be done again. Pure.

Invariant: before every step and after it, each client that reads its files anew can sign in. While it lasts
the files hold the new and the old value, and a client tries both. A change that was cut off goes on from its
first step with the same new value; it never draws a third.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Holder(Protocol):
    """Where the secrets of one instance are, and the servers that know them."""

    def begin(self, name: str, *, keep_old: bool) -> None:
        """Draw the new value and remember it. keep_old: the old one stays valid for a while, if it can."""

    def offer(self, name: str) -> None:
        """Let the clients know both values."""

    def teach(self, name: str) -> None:
        """Let the server know the new one: PostgreSQL in place of the old one, Valkey beside it."""

    def settle(self, name: str) -> None:
        """Let the clients know the new one alone."""

    def withdraw(self, name: str) -> None:
        """Let the server forget the old one."""

    def finish(self, name: str) -> None:
        """Forget that it was changed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One of them, as it is shown."""

    call: str
    title: str
    detail: str


def steps(name: str, *, goes_on: bool = False) -> Sequence[Step]:
    """All steps of a change. goes_on: the new value was drawn by a change that was cut off."""
    drawn = "the new value of the change that was cut off" if goes_on else "at random"
    return (
        Step("begin", "Draw", f"{name}, {drawn}"),
        Step("offer", "Offer", "clients know both values"),
        Step("teach", "Change over", "the server knows the new one"),
        Step("settle", "Settle", "clients know the new one alone"),
        Step("withdraw", "Withdraw", "the server has forgotten the old one"),
        Step("finish", "Finish", "the change is at its end"),
    )
