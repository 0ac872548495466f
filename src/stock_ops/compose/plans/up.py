"""The steps that are missing until everything runs; none when it does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stock_ops.compose.facts.containers import Container
from stock_ops.compose.plans.services import LIVE, MIGRATE, SERVERS, STOPPING, TITLES


@dataclass(frozen=True, slots=True)
class Prepare:
    """Draw the secrets that are missing, and write the variables of compose.yaml."""

    title = "Settings"
    detail = "secrets that are missing are drawn; none is printed"


@dataclass(frozen=True, slots=True)
class Start:
    """Start a service, anew where its settings changed, and wait until it is healthy."""

    service: str
    detail = "started, and asked until it is healthy"

    @property
    def title(self) -> str:
        """Its name for people."""
        return TITLES[self.service]


@dataclass(frozen=True, slots=True)
class RunOnce:
    """Run a service to its end."""

    service: str
    detail = "run to its end"

    @property
    def title(self) -> str:
        """Its name for people."""
        return TITLES[self.service]


@dataclass(frozen=True, slots=True)
class SetUpRoles:
    """Make the database roles that are missing; give each its password and its rights."""

    title = "Database roles"
    detail = "owner, writer, reader, gateway, backup: each with what it needs"


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a service, and wait for its end."""

    service: str
    detail = "told to end, and waited for"

    @property
    def title(self) -> str:
        """Its name for people."""
        return TITLES[self.service]


@dataclass(frozen=True, slots=True)
class Remember:
    """Note the target, the port and what was started."""

    title = "Memory"
    detail = "the target and its settings, for the verbs to come"


Step = Prepare | Start | SetUpRoles | RunOnce | Stop | Remember


def plan_up(
    expected: Sequence[str], containers: Mapping[str, Container], *, changed: bool
) -> tuple[Step, ...]:
    """The steps in their order; `changed`: what containers are made from is not what was started last."""
    return tuple(_steps(expected, containers, changed))


def plan_down(containers: Mapping[str, Container]) -> tuple[Step, ...]:
    """The steps that stop everything that runs; the data are kept."""
    return tuple(Stop(name) for name in STOPPING if name in containers and _lives(containers[name]))


def _steps(expected: Sequence[str], containers: Mapping[str, Container], changed: bool) -> Iterator[Step]:
    missing = [name for name in expected if changed or name not in containers or not containers[name].is_well]
    live = containers.get(LIVE)
    unwanted = [live] if live and LIVE not in expected and _lives(live) else []
    if not missing and not unwanted:
        return
    yield Prepare()
    yield from (Stop(one.service) for one in unwanted)
    yield from (Start(name) for name in SERVERS if name in missing)
    yield SetUpRoles()
    yield RunOnce(MIGRATE)
    yield from (Start(name) for name in missing if name not in SERVERS)
    yield Remember()


def _lives(container: Container) -> bool:
    return container.status in {"running", "restarting", "paused"}
