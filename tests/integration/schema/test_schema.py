"""migrations/schema.sql, which people read, is what the migrations make."""

from stock_analysis.testing.postgres import PostgresCluster
from tools.generate import SCHEMA, STRUCTURE, schema, structure


def test_schema_sql_is_what_the_migrations_make(postgres: PostgresCluster) -> None:
    assert SCHEMA.read_text() == schema(postgres), "run `make generate` and commit it"


def test_structure_txt_is_what_the_migrations_make(postgres: PostgresCluster) -> None:
    assert STRUCTURE.read_text() == structure(postgres), "run `make generate` and commit it"
