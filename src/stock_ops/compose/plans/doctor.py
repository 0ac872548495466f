"""The findings of `doctor` on the target compose: each names the fault and its remedy."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from stock_ops.compose.facts.engine import Engine
from stock_ops.compose.facts.stack import IMAGES, LIVE_SOURCES, Files
from stock_ops.compose.facts.standing import Standing
from stock_ops.compose.plans.settings import missing_images
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import OpsError, megabytes
from stock_ops.local.facts.folder import Folder
from stock_ops.local.facts.host import Host
from stock_ops.local.plans.doctor import Finding, clock, events_findings, live_findings, posts_findings

_MEMORY_BYTES = 2 * 2**30
_DISK_BYTES = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that is judged."""

    files: Files
    folder: Folder
    host: Host
    engine: Engine | OpsError
    operators: Mapping[str, str] | OpsError
    images: Mapping[str, bool]
    """Of the named images, by name of the variable: whether it need not be fetched."""
    backups: BackupSettings | OpsError
    port: int
    port_problem: str | None
    """Why the gateway could not listen there; None when it can, or does."""
    standing: Standing
    relay: str
    """Name of the relay's container, where it runs."""


def examine(seen: Seen) -> tuple[Finding, ...]:
    """All findings, in the order in which one would mend them."""
    checks: tuple[Callable[[Seen], Iterator[Finding]], ...] = (
        _engine,
        _folder,
        _images,
        _secrets,
        _backups,
        _port,
        _room,
    )
    found = (finding for check in checks for finding in check(seen))
    return (*found, clock(seen.host), *_standing(seen))


def _standing(seen: Seen) -> Iterator[Finding]:
    program = seen.engine.program if isinstance(seen.engine, Engine) else ""
    yield from events_findings(seen.standing.events, f"{program} exec {seen.relay} stock-analysis")
    yield from live_findings(seen.standing.live, f"{LIVE_SOURCES} in {seen.files.settings}")
    yield from posts_findings(seen.standing.posts)


def _engine(seen: Seen) -> Iterator[Finding]:
    found = seen.engine
    if isinstance(found, OpsError):
        yield Finding("Containers", "failed", found.why, found.todo)
        return
    yield Finding("Containers", "ok", f"{found.name}: {found.version}")


def _folder(seen: Seen) -> Iterator[Finding]:
    folder = seen.folder
    if not folder.usable or (folder.exists and not folder.is_folder):
        yield Finding(
            "Data folder",
            "failed",
            f"{folder.nearest} may not be read and written by this user",
            "Run as its owner, or choose another folder with --data.",
        )
        return
    yield Finding("Data folder", "ok", f"{folder.path}, {'in use' if folder.exists else 'not there yet'}")


def _images(seen: Seen) -> Iterator[Finding]:
    if isinstance(seen.operators, OpsError):
        yield Finding("Images", "failed", seen.operators.why, seen.operators.todo)
        return
    if missing := missing_images(seen.operators):
        yield Finding(
            "Images",
            "failed",
            f"not named: {', '.join(missing)}",
            f"Write NAME=image@sha256:... for each in {seen.files.settings}; "
            "deploy/docker/build.sh makes ours.",
        )
        return
    loose = [name for name in IMAGES if "@sha256:" not in seen.operators[name] and name not in _OURS]
    away = [name for name in IMAGES if not seen.images.get(name)]
    if loose:
        yield Finding(
            "Images", "warning", f"without a digest: {', '.join(loose)}", "Name them as NAME@sha256:..."
        )
    elif away:
        yield Finding("Images", "ok", f"all named; to be fetched: {', '.join(away)}")
    else:
        yield Finding("Images", "ok", "all named, and here")


_OURS = frozenset({"PLATFORM_IMAGE", "OPS_IMAGE"})
"""Built here, so that a tag will do."""


def _secrets(seen: Seen) -> Iterator[Finding]:
    folder = seen.files.secrets
    try:
        found = [one for one in folder.iterdir() if one.is_file()]
        shown = [one for one in folder.glob("services/*/*") if one.is_file()]
        open_ones = [one.name for one in (*found, *shown) if one.stat().st_mode & 0o007]
    except OSError:
        yield Finding("Secrets", "ok", "none yet; the first start draws them")
        return
    if open_ones:
        told = f"anybody may read {', '.join(sorted(open_ones))}"
        yield Finding("Secrets", "failed", told, f"chmod -R o= {folder}")
        return
    yield Finding("Secrets", "ok", f"{len(found)} in {folder}, closed to others")


def _backups(seen: Seen) -> Iterator[Finding]:
    found = seen.backups
    if isinstance(found, OpsError):
        yield Finding("Backups", "failed", found.why, found.todo)
    elif not found.enabled:
        yield Finding("Backups", "ok", "turned off in backup.toml")
    else:
        place = found.storage if found.storage != f"{seen.files.layout.root}-backups" else "a volume"
        yield Finding("Backups", "ok", f"to {place}")


def _port(seen: Seen) -> Iterator[Finding]:
    if seen.port_problem:
        todo = "Stop that program, or choose another port: stockops up --port 8081"
        yield Finding("Port", "failed", f"{seen.port}: {seen.port_problem}", todo)
        return
    yield Finding("Port", "ok", f"{seen.port} is free, or this instance's")


def _room(seen: Seen) -> Iterator[Finding]:
    host, folder = seen.host, seen.folder
    detail = f"{megabytes(host.memory_free_bytes)} free of {megabytes(host.memory_bytes)}"
    short = host.memory_free_bytes < _MEMORY_BYTES
    yield Finding(
        "Memory",
        "warning" if short else "ok",
        detail,
        "The containers need 2 GiB; end other programs." * short,
    )
    detail = f"{megabytes(folder.free_bytes)} free at {folder.nearest}"
    short = folder.free_bytes < _DISK_BYTES
    yield Finding("Disk", "warning" if short else "ok", detail, "Images and data need 4 GiB." * short)
