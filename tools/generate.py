"""Write the files made from the code: migrations/schema.sql, migrations/structure.txt, docs/settings.md, a
table in docs/backups.md, deploy/compose/postgresql/roles.sql, frontend/openapi.json, the sessions of the
Korea Exchange, and what the chart has of other files.

Tests hold that they are what the code makes. `make generate` goes on to the front end's types.
"""

import ast
import asyncio
import dataclasses
import inspect
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import time
from itertools import pairwise
from pathlib import Path
from urllib.request import urlopen

from stock_analysis.domain.calendars import korea_by_library, write_korea_table
from stock_analysis.kit.settings import describe_settings
from stock_analysis.testing.platform import Platform
from stock_analysis.testing.postgres import PostgresCluster, connect
from stock_analysis.testing.valkey import ValkeyServer
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.local.facts.structure import FILE as STRUCTURE_FILE
from stock_ops.local.facts.structure import dump_structure, read_structure
from stock_ops.local.plans.roles import compose_script
from tools import asyncapi, chart

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "migrations" / "schema.sql"
STRUCTURE = ROOT / "migrations" / STRUCTURE_FILE
SETTINGS = ROOT / "docs" / "settings.md"
BACKUPS = ROOT / "docs" / "backups.md"
COMPOSE_ROLES = ROOT / "deploy" / "compose" / "postgresql" / "roles.sql"
EVENTS = ROOT / "docs" / "asyncapi.yaml"
CONTRACT = ROOT / "frontend" / "openapi.json"

SCHEMA_HEAD = "-- What the migrations make on plain PostgreSQL. Written by `make generate`; do not edit.\n\n"
SETTINGS_HEAD = """\
# Settings

Every setting of `stock-analysis`, with its default. Sources, the later the stronger: the default, the TOML
file that `--config` or `STOCK_CONFIG_FILE` names (keys as in the first column), the environment (second
column; several values are separated by commas). A secret may stand in a file, which its setting with `_file`
names: a line, and a second one while it is changed; it is read at each use. An unknown
key or `STOCK_...` variable is an error. `stock-analysis config show --source` prints the values in force and
where each came from. `stockops up` writes such a file to `config/platform.toml` in its data folder; the
secrets that it drew lie in `config/passwords`.

Written by `make generate`; do not edit.

"""
BACKUPS_BEGIN = (
    "<!-- settings: written by `make generate` from src/stock_ops/kit/backup_settings.py; do not edit -->\n"
)
BACKUPS_END = "<!-- end of settings -->\n"


def schema(cluster: PostgresCluster) -> str:
    """The schema that the migrations make."""
    return SCHEMA_HEAD + cluster.dump_schema()


def structure(cluster: PostgresCluster) -> str:
    """The pieces of that schema, by which a live database is judged."""

    async def read() -> str:
        connection = await connect(cluster.create_database())
        try:
            return dump_structure(await read_structure(connection))
        finally:
            await connection.close()

    return asyncio.run(read())


def settings() -> str:
    """All settings as a page."""
    return SETTINGS_HEAD + describe_settings()


def backups(page: str) -> str:
    """The page of the backups with the table of their settings as the code has it."""
    before, begin, rest = page.partition(BACKUPS_BEGIN)
    _, end, after = rest.partition(BACKUPS_END)
    return before + begin + describe_backup_settings() + end + after


def describe_backup_settings() -> str:
    """Every key of backup.toml as a table: its default as it is written there, and its sentence."""
    said = dict(_sentences(BackupSettings))
    rows = [
        f"| `{one.name}` | {_default(one)} | {said[one.name]} |" for one in dataclasses.fields(BackupSettings)
    ]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows, ""])


def _sentences(described: type) -> Iterator[tuple[str, str]]:
    """The text after each field of a class; Python itself forgets it."""
    (body,) = ast.parse(inspect.getsource(described)).body
    if not isinstance(body, ast.ClassDef):
        raise TypeError(f"{described.__name__} is no class")
    for one, after in pairwise(body.body):
        match one, after:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                yield name, text


def _default(one: "dataclasses.Field[object]") -> str:
    if one.default is dataclasses.MISSING:
        return ""
    value = f"{one.default:%H:%M}" if isinstance(one.default, time) else one.default
    return f"`{json.dumps(value)}`"


def contract(platform: Platform) -> str:
    """The HTTP contract as the gateway shows it."""
    with urlopen(f"{platform.url}/openapi.json") as answer:  # noqa: S310 - the platform's own address
        return json.dumps(json.load(answer), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    write_korea_table(korea_by_library())
    SETTINGS.write_text(settings())
    BACKUPS.write_text(backups(BACKUPS.read_text()))
    COMPOSE_ROLES.write_text(compose_script())
    chart.main()
    EVENTS.write_text(asyncapi.contract())
    with ExitStack() as stack:
        cluster = PostgresCluster()
        stack.callback(cluster.remove)
        SCHEMA.write_text(schema(cluster))
        STRUCTURE.write_text(structure(cluster))
        valkey = ValkeyServer()
        stack.callback(valkey.remove)
        platform = Platform(valkey.add_to(cluster.create_database()))
        stack.callback(platform.remove)
        CONTRACT.write_text(contract(platform))


if __name__ == "__main__":
    main()
