"""Write the files that are made from the code: migrations/schema.sql and docs/settings.md.

Tests hold that they are what the code makes.
"""

from pathlib import Path

from stock_analysis.kit.settings import describe_settings
from stock_analysis.testing.postgres import PostgresCluster

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "migrations" / "schema.sql"
SETTINGS = ROOT / "docs" / "settings.md"

SCHEMA_HEAD = "-- What the migrations make on plain PostgreSQL. Written by `make generate`; do not edit.\n\n"
SETTINGS_HEAD = """\
# Settings

Every setting of `stock-analysis`, with its default. Sources, the later the stronger: the default, the TOML
file that `--config` or `STOCK_CONFIG_FILE` names (keys as in the first column), the environment (second
column; several values are separated by commas). An unknown key or `STOCK_...` variable is an error.
`stock-analysis config show --source` prints the values in force and where each came from. `stockops up`
writes such a file, with the passwords it made, to `config/platform.toml` in its data folder.

Written by `make generate`; do not edit.

"""


def schema(cluster: PostgresCluster) -> str:
    """The schema that the migrations make."""
    return SCHEMA_HEAD + cluster.dump_schema()


def settings() -> str:
    """All settings as a page."""
    return SETTINGS_HEAD + describe_settings()


def main() -> None:
    SETTINGS.write_text(settings())
    cluster = PostgresCluster()
    try:
        SCHEMA.write_text(schema(cluster))
    finally:
        cluster.remove()


if __name__ == "__main__":
    main()
