"""The secrets of an instance by name, and which service of compose may read each. Pure."""

from dataclasses import dataclass

from stock_ops.kit.layout import (
    BACKUP_ROLE,
    GATEWAY_ROLE,
    OWNER_ROLE,
    READER_ROLE,
    RELAY_ROLE,
    SENTIMENT_ROLE,
    WRITER_ROLE,
)

SUPERUSER = "postgres"
VALKEY, SESSION_KEY, PEPPER = "valkey", "session_key", "api_key_pepper"


@dataclass(frozen=True, slots=True)
class SecretName:
    """A secret. Its file bears its name."""

    name: str
    about: str
    services: tuple[str, ...]
    """Those of deploy/compose that have it."""
    database: bool = False
    """The password of the database role of this name."""
    optional: bool = False
    """Drawn only when it is asked for; until then its file is empty."""


SECRET_NAMES = (
    SecretName(SUPERUSER, "the database's superuser; no service uses it", ("postgresql",), database=True),
    SecretName(
        OWNER_ROLE,
        "database role that owns the tables: migrations, API keys",
        ("postgresql", "migrate", "admin"),
        database=True,
    ),
    SecretName(
        WRITER_ROLE,
        "database role of imports and live prices",
        ("postgresql", "admin", "live"),
        database=True,
    ),
    SecretName(READER_ROLE, "database role of the stock-service", ("postgresql", "stock"), database=True),
    SecretName(GATEWAY_ROLE, "database role of the gateway", ("postgresql", "gateway"), database=True),
    SecretName(RELAY_ROLE, "database role of the relay of events", ("postgresql", "relay"), database=True),
    SecretName(
        SENTIMENT_ROLE, "database role of the sentiment-service", ("postgresql", "sentiment"), database=True
    ),
    SecretName(BACKUP_ROLE, "database role of the backups", ("postgresql", "backup"), database=True),
    SecretName(VALKEY, "Valkey's password", ("valkey", "stock", "gateway", "backup")),
    SecretName(SESSION_KEY, "signs the sessions of the page", ("gateway",)),
    SecretName(
        PEPPER, "seals the stored hashes of API keys; begun by `rotate`", ("gateway", "admin"), optional=True
    ),
)
"""In the order in which they are shown and changed."""

BY_NAME = {one.name: one for one in SECRET_NAMES}
SERVICES = tuple(dict.fromkeys(service for one in SECRET_NAMES for service in one.services))


def files_of(service: str) -> tuple[str, ...]:
    """The secrets that a service of compose has."""
    return tuple(one.name for one in SECRET_NAMES if service in one.services)
