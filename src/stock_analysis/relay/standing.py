"""How the events stand, as the database knows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from stock_analysis.kit.dead_letters import count_dead
from stock_analysis.kit.outbox import SQL as KIT_SQL
from stock_analysis.relay.delivery import SQL


@dataclass(frozen=True, slots=True)
class Delivered:
    """What the consumer `delivery` has met of a topic."""

    events: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """waiting, oldest_s: of the outbox. consumers: when each last moved. dead: by consumer and topic."""

    waiting: int
    oldest_s: float
    delivered: Mapping[str, Delivered]
    consumers: Mapping[str, datetime]
    dead: Mapping[tuple[str, str], int]

    def as_json(self) -> dict[str, object]:
        """The same as JSON has it."""
        return {
            "waiting": self.waiting,
            "oldest_s": round(self.oldest_s, 3),
            "delivered": {
                topic: {"events": one.events, "last_at": one.last_at.isoformat()}
                for topic, one in self.delivered.items()
            },
            "consumers": {name: at.isoformat() for name, at in self.consumers.items()},
            "dead": [
                {"consumer": consumer, "topic": topic, "messages": messages}
                for (consumer, topic), messages in self.dead.items()
            ],
        }


async def read_standing(connection: asyncpg.Connection | asyncpg.Pool) -> Standing:
    """How the events stand."""
    outbox = await connection.fetchrow(KIT_SQL["outbox_state"])
    delivered = await connection.fetch(SQL["delivered"])
    moved = await connection.fetch(SQL["moved"])
    return Standing(
        outbox["waiting"],
        outbox["oldest_s"],
        {row["topic"]: Delivered(row["events"], row["last_at"]) for row in delivered},
        {row["consumer"]: row["moved_at"] for row in moved},
        await count_dead(connection),
    )
