"""Write the files made from the code: migrations/schema.sql, docs/settings.md, frontend/openapi.json.

Tests hold that they are what the code makes. `make generate` goes on to the front end's types.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

from stock_analysis.kit.settings import describe_settings
from stock_analysis.testing.platform import Platform
from stock_analysis.testing.postgres import PostgresCluster
from stock_analysis.testing.valkey import ValkeyServer

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "migrations" / "schema.sql"
SETTINGS = ROOT / "docs" / "settings.md"
CONTRACT = ROOT / "frontend" / "openapi.json"

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


def contract(platform: Platform) -> str:
    """The HTTP contract as the gateway shows it."""
    with urlopen(f"{platform.url}/openapi.json") as answer:  # noqa: S310 - the platform's own address
        return json.dumps(json.load(answer), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    SETTINGS.write_text(settings())
    with ExitStack() as stack:
        cluster = PostgresCluster()
        stack.callback(cluster.remove)
        SCHEMA.write_text(schema(cluster))
        valkey = ValkeyServer()
        stack.callback(valkey.remove)
        platform = Platform(valkey.add_to(cluster.create_database()))
        stack.callback(platform.remove)
        CONTRACT.write_text(contract(platform))


if __name__ == "__main__":
    main()
