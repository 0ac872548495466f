"""Rows of the database as the objects that they are."""

from decimal import Decimal

import asyncpg

from stock_analysis.sentiment.aggregation import Bucket
from stock_analysis.sentiment.ports import Judged, SourceState, Spoken, StoredBucket, StoredPost


def post(instrument_id: int, row: asyncpg.Record) -> StoredPost:
    """A post about this instrument."""
    return StoredPost(
        key=row["post_key"],
        posted_at=row["posted_at"],
        spoken=Spoken(instrument_id, row["kind"], row["begins"], row["ends"], row["why"]),
        source=row["source"],
        url=row["url"],
        text=row["text"],
        author=row["author"],
        minhash=row["minhash"],
        voice=row["voice"],
        copies=row["copies"],
        judged=Judged(
            row["language"],
            row["negative"],
            row["neutral"],
            row["positive"],
            row["score"],
            row["label"],
            row["model"],
        ),
        sample=row["sample"],
    )


def bucket(row: asyncpg.Record) -> StoredBucket:
    """A bucket."""
    names = ("posts", "judged", "voices", "copies", "effective_n", "score", "low", "high")
    shares = ("positive", "negative", "unsure")
    return StoredBucket(
        start=row["start"],
        bucket=Bucket(*(row[name] for name in (*names, *shares))),
        model=row["model"],
        sample=row["sample"],
        final=row["state"] == "final",
        revision=row["revision"],
        updated_at=row["updated_at"],
    )


def source(row: asyncpg.Record) -> SourceState:
    """How a source stands."""
    values = dict(row)
    values.pop("updated_at")
    return SourceState(**{**values, "spent": Decimal(values["spent"])})
