"""The services of compose.yaml: their order, and their names for people."""

SERVERS = ("postgresql", "valkey", "kafka")
MIGRATE = "migrate"
SERVICES = ("stock", "sentiment", "relay", "gateway")
BACKUP = "backup"
DRILLS = "drill-database"
RESTORES = "restore-database"
LIVE = "live"
ORDER = (*SERVERS, BACKUP, DRILLS, *SERVICES, LIVE)
"""What stays up, in the order in which it starts; the migrations run between servers and services."""
_PLATFORM = ("gateway", LIVE, "stock", "sentiment", "relay")
STOPPING = (*_PLATFORM, BACKUP, DRILLS, RESTORES, "kafka", "valkey", "postgresql")
"""The part `backup` outlives the platform, to ship its last changes."""
TITLES = {
    "postgresql": "PostgreSQL",
    "valkey": "Valkey",
    "kafka": "Kafka",
    MIGRATE: "Migrations",
    "stock": "stock-service",
    "sentiment": "sentiment-service",
    "relay": "Relay",
    "gateway": "Gateway",
    BACKUP: "Backups",
    DRILLS: "Database of drills",
    RESTORES: "Database of the restore",
    LIVE: "Live prices",
}
WAIT_S = {"postgresql": 600.0, "kafka": 240.0}
LONGEST_WAIT_S = 120.0
"""PostgreSQL may have to replay its log after an unclean stop."""


def expected(*, backups: bool, live: bool) -> tuple[str, ...]:
    """The services that shall run. live: whether a source of live prices is configured."""
    wanted = {BACKUP: backups, DRILLS: backups, LIVE: live}
    return tuple(name for name in ORDER if wanted.get(name, True))
