"""The steps a plan is made of. Each is a value; a runner knows how to do it."""

from dataclasses import dataclass
from pathlib import Path

from stock_ops.kit.accounts import Account
from stock_ops.kit.wanted import NewFile, NewFolder
from stock_ops.local.facts.instance import Memory, Secrets
from stock_ops.local.facts.programs import Wheel


@dataclass(frozen=True, slots=True)
class MakeFolders:
    """Make folders, or set their permissions right."""

    folders: tuple[NewFolder, ...]
    title = "Folders"

    @property
    def detail(self) -> str:
        """Which ones."""
        return ", ".join(folder.path.name for folder in self.folders)


@dataclass(frozen=True, slots=True)
class CopyProgram:
    """Copy a server's programs to where an unprivileged user reaches them."""

    wheel: Wheel
    target: Path
    title = "Programs"

    @property
    def detail(self) -> str:
        """Which one."""
        return f"{self.wheel.distribution} {self.wheel.version}"


@dataclass(frozen=True, slots=True)
class WriteSecrets:
    """Write new passwords, mode 0600."""

    path: Path
    secrets: Secrets
    title = "Passwords"
    detail = "drawn at random, mode 0600"


@dataclass(frozen=True, slots=True)
class WriteFiles:
    """Write generated settings, mode 0600, each whole or not at all."""

    files: tuple[NewFile, ...]
    title = "Settings"

    @property
    def detail(self) -> str:
        """Which ones."""
        return ", ".join(file.path.name for file in self.files)


@dataclass(frozen=True, slots=True)
class RemoveLeftover:
    """Remove the leftovers of an earlier run."""

    path: Path
    why: str
    title = "Clean up"

    @property
    def detail(self) -> str:
        """What and why."""
        return f"{self.path.name}: {self.why}"


@dataclass(frozen=True, slots=True)
class CreateCluster:
    """Make the database cluster, its role and its database; it gets its name when it is whole."""

    programs: Path
    unfinished: Path
    final: Path
    secrets: Secrets
    owner: Account | None
    title = "Database cluster"
    detail = "initdb, role, database"


@dataclass(frozen=True, slots=True)
class SetPasswords:
    """Give the roles of an existing cluster new passwords, without a server."""

    programs: Path
    cluster: Path
    secrets: Secrets
    owner: Account | None
    title = "Passwords of the roles"
    detail = "set anew"


@dataclass(frozen=True, slots=True)
class DeriveKey:
    """Derive the key that authenticates the backups from the private one, which may be moved away then."""

    key_file: Path
    target: Path
    title = "Backup key"

    @property
    def detail(self) -> str:
        """Where it lies."""
        return f"{self.target.name}, which authenticates the backups, derived from the private key"


@dataclass(frozen=True, slots=True)
class DrawKey:
    """Draw the key pair of the backups, once: the private half is never overwritten."""

    key_file: Path
    recipient: Path
    settings: Path
    title = "Backup key"

    @property
    def detail(self) -> str:
        """Where it lies."""
        return str(self.key_file)


@dataclass(frozen=True, slots=True)
class SetUpRoles:
    """Make the database roles that are missing; give each its password and its rights on the server."""

    port: int
    secrets: Secrets
    archives: bool = True
    """False: no log is archived, and the server shall keep none for it."""
    title = "Database roles"
    detail = "owner, writer, reader, gateway, relay, sentiment, backup: each with what it needs"


@dataclass(frozen=True, slots=True)
class EndProcess:
    """End a process that no supervisor looks after: politely, then by force."""

    name: str
    pid: int
    title = "Left over"

    @property
    def detail(self) -> str:
        """Which one."""
        return f"{self.name}, pid {self.pid}, ended"


@dataclass(frozen=True, slots=True)
class StartSupervisor:
    """Start supervisord, which starts PostgreSQL and Valkey."""

    title = "Supervisor"
    detail = "with PostgreSQL and Valkey"


@dataclass(frozen=True, slots=True)
class StopSupervisor:
    """Stop supervisord once its parts have stopped."""

    title = "Supervisor"
    detail = "stopped"


@dataclass(frozen=True, slots=True)
class StartPart:
    """Start one part."""

    name: str

    @property
    def title(self) -> str:
        """The part."""
        return PART_TITLES[self.name]

    detail = "started"


@dataclass(frozen=True, slots=True)
class StopPart:
    """Stop one part cleanly."""

    name: str

    @property
    def title(self) -> str:
        """The part."""
        return PART_TITLES[self.name]

    detail = "stopped"


@dataclass(frozen=True, slots=True)
class AwaitPart:
    """Wait until the part does its work."""

    name: str
    host: str
    port: int

    @property
    def title(self) -> str:
        """The part."""
        return PART_TITLES[self.name]

    @property
    def detail(self) -> str:
        """Where it answers."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RunPlatform:
    """Run one command of the platform to its end."""

    command: str
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Write down the memory of the next start."""

    memory: Memory
    what: str
    title = "Remember"

    @property
    def detail(self) -> str:
        """What."""
        return self.what


Step = (
    MakeFolders
    | CopyProgram
    | WriteSecrets
    | WriteFiles
    | RemoveLeftover
    | CreateCluster
    | SetPasswords
    | DrawKey
    | DeriveKey
    | SetUpRoles
    | EndProcess
    | StartSupervisor
    | StopSupervisor
    | StartPart
    | StopPart
    | AwaitPart
    | RunPlatform
    | Remember
)

PART_TITLES = {"postgresql": "PostgreSQL", "valkey": "Valkey", "platform": "Platform", "backup": "Backup"}

QUIET = (Remember, StartPart, SetUpRoles)
"""Steps too small to be shown to people; the JSON and a dry run have them."""
