"""migrations/schema.sql, which people read, is what the migrations make."""

from stock_analysis.testing.postgres import PostgresCluster
from tools.generate import SCHEMA, schema


def test_schema_sql_is_what_the_migrations_make(postgres: PostgresCluster) -> None:
    assert SCHEMA.read_text() == schema(postgres), "run `make generate` and commit it"
