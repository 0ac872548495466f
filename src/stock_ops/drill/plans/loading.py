"""The statements that a database needs before and after a logical dump is loaded. Pure.

TimescaleDB wants the extension in the very version that was dumped, and its background work stopped while the
tables are filled: https://docs.timescale.com/self-hosted/latest/backup-and-restore/logical-backup/
"""

from collections.abc import Mapping

_TIMESCALEDB = "timescaledb"


def before_load(extensions: Mapping[str, str]) -> tuple[str, ...]:
    """Statements for the new database; extensions: name and version of those that were dumped."""
    if (version := extensions.get(_TIMESCALEDB)) is None:
        return ()
    return (
        f"CREATE EXTENSION {_TIMESCALEDB} VERSION {_literal(version)}",
        "SELECT timescaledb_pre_restore()",
    )


def after_load(extensions: Mapping[str, str]) -> tuple[str, ...]:
    """Statements for the database once it is filled."""
    return ("SELECT timescaledb_post_restore()",) if _TIMESCALEDB in extensions else ()


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
