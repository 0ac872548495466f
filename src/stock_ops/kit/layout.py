"""Where everything of one instance lies: one data folder, named files in it."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DATA_VARIABLE = "STOCKOPS_DATA"
CLUSTER_VARIABLE = "STOCKOPS_CLUSTER"
"""Name of the database cluster's folder, where a volume has another one than ours."""
POSTGRES_MAJOR = 18
FORMAT = 1
"""Version of this arrangement of files; a later release that changes it raises the number."""

PARTS = ("postgresql", "valkey", "platform", "backup")
"""The supervised processes, in the order in which they start."""
STOPPING = ("platform", "backup", "valkey", "postgresql")
"""The order in which they stop: the part `backup` outlives the platform, to ship its last changes."""

DATABASE = "stock_analysis"
OWNER_ROLE = "stock_analysis"
"""Owns the database and its tables: migrations and API keys. No process that serves uses it."""
WRITER_ROLE, READER_ROLE, GATEWAY_ROLE = "stock_writer", "stock_reader", "stock_gateway"
RELAY_ROLE, SENTIMENT_ROLE = "stock_relay", "stock_sentiment"
"""Those of imports, the services, gateway and relay; their rights are in migrations/grants.sql."""
PLATFORM_ROLES = (OWNER_ROLE, WRITER_ROLE, READER_ROLE, GATEWAY_ROLE, RELAY_ROLE, SENTIMENT_ROLE)
BACKUP_ROLE = "stock_backup"
"""The role of the database that the backups use."""

LOOPBACK = "127.0.0.1"
LONGEST_SOCKET_PATH = 103
"""The shortest limit of the systems we run on (macOS; Linux has 107)."""
_SOCKET_SUFFIX = len(".4194304")
"""While it starts, supervisord binds the path with its process id added."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one data folder."""

    root: Path

    @property
    def memory(self) -> Path:
        """Kept between starts: ports, format, the imported sample data."""
        return self.root / "instance.json"

    @property
    def target(self) -> Path:
        """Where the instance runs; missing where it never ran elsewhere than on this machine."""
        return self.root / "target"

    @property
    def lock(self) -> Path:
        """Held while a verb changes something; the kernel frees it when the holder dies."""
        return self.root / "lock"

    @property
    def config(self) -> Path:
        """Generated settings and the secrets."""
        return self.root / "config"

    @property
    def secrets(self) -> Path:
        """Passwords, mode 0600."""
        return self.config / "secrets.json"

    @property
    def passwords(self) -> Path:
        """The password of each database role of the platform, in a file of its name, mode 0600."""
        return self.config / "passwords"

    @property
    def platform_config(self) -> Path:
        """Settings of the platform, mode 0600."""
        return self.config / "platform.toml"

    @property
    def overrides(self) -> Path:
        """The operator's own settings of the platform; may be missing."""
        return self.config / "overrides.toml"

    @property
    def supervisor_config(self) -> Path:
        """Settings of supervisord."""
        return self.config / "supervisord.conf"

    @property
    def postgresql(self) -> Path:
        """The database cluster."""
        return self.root / os.environ.get(CLUSTER_VARIABLE, "postgresql")

    @property
    def postgresql_unfinished(self) -> Path:
        """A cluster being made; it gets its name when it is whole."""
        return self.root / "postgresql.new"

    @property
    def valkey(self) -> Path:
        """The append-only file of the cache, and its settings."""
        return self.root / "valkey"

    @property
    def valkey_config(self) -> Path:
        """Settings of Valkey; they hold its password, mode 0600."""
        return self.valkey / "valkey.conf"

    @property
    def backup(self) -> Path:
        """Working files of this instance's backups; the backups themselves lie elsewhere."""
        return self.root / "backup"

    @property
    def spool(self) -> Path:
        """Write-ahead log that pg_receivewal has written and the storage does not have yet."""
        return self.backup / "spool"

    @property
    def manifests(self) -> Path:
        """PostgreSQL's own manifest of each backup, which the next incremental one needs; named by its id."""
        return self.backup / "manifests"

    @property
    def drills(self) -> Path:
        """Journal and report of each drill, in a folder named by its id."""
        return self.backup / "drills"

    @property
    def backup_state(self) -> Path:
        """Memory of the part `backup` between its starts; may be missing."""
        return self.backup / "status.json"

    @property
    def identity(self) -> Path:
        """Which instance this folder is, and what it holds of its storage; made by the first start."""
        return self.backup / "identity.json"

    @property
    def backup_lock(self) -> Path:
        """Held while backups are made, verified, deleted or rehearsed."""
        return self.backup / "lock"

    def copy_lock(self, name: str) -> Path:
        """Held while a copy of the storage is verified or pruned."""
        return self.backup / f"lock-copy-{name}"

    @property
    def passfile(self) -> Path:
        """Password of stock_backup as PGPASSFILE, mode 0600, of the user that runs PostgreSQL's programs."""
        return self.backup / "pgpass"

    @property
    def backup_settings(self) -> Path:
        """The operator's own settings of the backups; may be missing."""
        return self.config / "backup.toml"

    @property
    def backup_places(self) -> Path:
        """Where storage and key lie if backup.toml does not say: as the first start chose."""
        return self.config / "backup-places.json"

    @property
    def backup_credentials(self) -> Path:
        """The operator's keys to an S3 storage, mode 0600; may be missing."""
        return self.config / "backup-credentials.toml"

    @property
    def recipient(self) -> Path:
        """The public key that backups are sealed for."""
        return self.config / "backup-recipient.txt"

    @property
    def authentication_key(self) -> Path:
        """The key that authenticates the backups, derived from the private one, mode 0600."""
        return self.config / "backup-authentication.key"

    @property
    def authentication_memory(self) -> Path:
        """The newest state of each storage that was seen here."""
        return self.backup / "authentication.json"

    @property
    def restore(self) -> Path:
        """Where a restore works until its data are whole."""
        return self.root / "restore"

    @property
    def scratch(self) -> Path:
        """Where a drill restores to, in a folder of its own; empty when none runs."""
        return self.root / "scratch"

    @property
    def kept(self) -> Path:
        """The data that restores have replaced, a folder each; deleted only when the operator says so."""
        return self.root / "kept"

    @property
    def programs(self) -> Path:
        """Copies of the servers' programs, where an unprivileged user can reach them."""
        return self.root / "programs"

    @property
    def logs(self) -> Path:
        """One log for each part."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """The control socket and the pid of the supervisor."""
        return self.root / "run"

    @property
    def supervisor_pid(self) -> Path:
        """Written by supervisord."""
        return self.run / "supervisord.pid"

    @property
    def socket(self) -> Path:
        """The control socket; below /tmp when the data folder's path is too long for a socket."""
        path = self.run / "supervisor.sock"
        if len(os.fsencode(path)) + _SOCKET_SUFFIX <= LONGEST_SOCKET_PATH:
            return path
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path("/tmp") / f"stockops-{os.getuid()}-{digest}" / "supervisor.sock"  # noqa: S108 - mode 0700, owner checked

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders in the data folder."""
        mine = (self.config, self.passwords, self.logs, self.run, self.programs, self.valkey)
        return (*mine, self.backup, self.spool, self.manifests, self.drills)

    def log(self, part: str) -> Path:
        """The log of a part, of `supervisor`, or of `setup`."""
        return self.logs / f"{part}.log"


def data_folder(named: Path | None, environ: Mapping[str, str], uid: int) -> Path:
    """The data folder: as named, else $STOCKOPS_DATA, else this user's place for data."""
    if named is not None or environ.get(DATA_VARIABLE):
        return Path(named or environ[DATA_VARIABLE]).expanduser().resolve()
    if environ.get("XDG_DATA_HOME"):
        return Path(environ["XDG_DATA_HOME"]) / "stock-analysis"
    if uid == 0:
        return Path("/var/lib/stock-analysis")
    return Path.home() / ".local/share/stock-analysis"
