"""The keys to an S3 storage: a file, the environment, a profile, or the machine's own identity."""

import configparser
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stock_ops.kit.backup_rules import CredentialSource, read_toml
from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.container import in_container
from stock_ops.kit.errors import CorruptFileError, FolderError, OpsError
from stock_ops.kit.layout import Layout


class CredentialsError(OpsError):
    """There are no keys where they should be."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys to an S3 storage. Never printed."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    """Empty where the keys are not temporary."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where keys are looked for."""

    file: Path
    """Of the operator, mode 0600."""
    source: CredentialSource
    profile: str
    """Empty: $AWS_PROFILE, else default."""
    environ: Mapping[str, str]

    @property
    def profile_name(self) -> str:
        """The profile that is meant."""
        return self.profile or self.environ.get("AWS_PROFILE") or "default"

    @property
    def profile_file(self) -> Path:
        """As AWS's own programs find it."""
        named = self.environ.get("AWS_SHARED_CREDENTIALS_FILE")
        return Path(named).expanduser() if named else Path.home() / ".aws" / "credentials"


def origin_of(layout: Layout, settings: BackupSettings, environ: Mapping[str, str] = os.environ) -> Origin:
    """Where the keys to the bucket of these settings are looked for."""
    named = settings.s3_credentials_file
    file = Path(named).expanduser() if named else layout.backup_credentials
    return Origin(file, settings.s3_credentials, settings.s3_profile, environ)


@dataclass(frozen=True, slots=True)
class Found:
    """Where the keys are. They are read when they are needed, and again when they may have been renewed."""

    told: str
    """For people."""
    read: Callable[[], Credentials] | None
    """Raises OpsError. None: the client asks for the machine's own identity, and renews it."""


def find_credentials(origin: Origin) -> Found:
    """Where the keys are: as named, else the first that is there. Raises OpsError when there are none."""
    source = "profile" if origin.source == "auto" and origin.profile else origin.source
    if source != "auto":
        found = _FINDERS[source](origin)
        if found is None:
            raise CredentialsError(*_MISSING[source](origin))
        return found
    for find in (_file, _environment, _profile, _identity_of_environment):
        if found := find(origin):
            return found
    raise CredentialsError(
        "There are no keys to the bucket.",
        f"Write access_key_id and secret_access_key to {origin.file} (mode 600); or set AWS_ACCESS_KEY_ID "
        "and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; or, on a machine with a role, "
        's3_credentials = "identity" in backup.toml.',
    )


def _file(origin: Origin) -> Found | None:
    if not origin.file.exists():
        return None
    _read_file(origin.file, origin.environ)
    return Found(str(origin.file), lambda: _read_file(origin.file, origin.environ))


def _environment(origin: Origin) -> Found | None:
    keys = Credentials(*(origin.environ.get(name, "") for name in _VARIABLES))
    return Found("the environment", lambda: keys) if keys.access_key_id and keys.secret_access_key else None


def _profile(origin: Origin) -> Found | None:
    name, path = origin.profile_name, origin.profile_file
    asked = origin.source == "profile" or origin.profile or origin.environ.get("AWS_PROFILE")
    if not asked and not _has_profile(path, name):
        return None
    _read_profile(path, name)
    return Found(f"profile {name} in {path}", lambda: _read_profile(path, name))


def _identity_of_environment(origin: Origin) -> Found | None:
    """A role that the machine is given by its environment: it costs nothing to see whether there is one."""
    return _identity(origin) if any(name in origin.environ for name in _IDENTITIES) else None


def _identity(origin: Origin) -> Found:
    told = next((told for name, told in _IDENTITIES.items() if name in origin.environ), "the instance's role")
    return Found(told, None)


def _read_file(path: Path, environ: Mapping[str, str]) -> Credentials:
    needed = ("access_key_id", "secret_access_key")
    found = read_toml(path, 'Write access_key_id = "..." and secret_access_key = "..." there.')
    # In a container its group is that of the secrets.
    others = stat.S_IRWXO if in_container(environ) else stat.S_IRWXG | stat.S_IRWXO
    if found and path.stat().st_mode & others:
        raise FolderError(f"{path} may be read by others.", f"chmod 600 {path}")
    known = {*needed, "session_token"}
    if not set(needed) <= found.keys() <= known or not all(found[name] for name in needed):
        reason = "it does not hold just access_key_id, secret_access_key and perhaps session_token"
        raise CorruptFileError(path, reason, "Write just these there, in quotation marks.")
    if not all(isinstance(value, str) for value in found.values()):
        raise CorruptFileError(path, "a value is no text", "Write each value in quotation marks.")
    return Credentials(**found)


def _has_profile(path: Path, name: str) -> bool:
    try:
        return name in _profiles(path)
    except OpsError:
        return False


def _read_profile(path: Path, name: str) -> Credentials:
    profiles = _profiles(path)
    if name not in profiles:
        known = ", ".join(profiles) or "none"
        raise CredentialsError(
            f"{path} has no profile {name} (there are: {known}).",
            "Name another one in s3_profile in backup.toml, or write it there.",
        )
    found = profiles[name]
    values = [found.get(key, "").strip() for key in _PROFILE_KEYS]
    if not values[0] or not values[1]:
        raise CredentialsError(
            f"Profile {name} in {path} holds no keys ({', '.join(found) or 'nothing'}).",
            "Only keys are read here. For a role or a sign-on: aws configure export-credentials, or "
            's3_credentials = "identity".',
        )
    return Credentials(*values)


def _profiles(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(default_section="\0", strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read: {error.strerror}.", "See to that file.") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        raise CredentialsError(f"{path} makes no sense{where}.", "Correct it.") from None
    return {name: dict(parser[name]) for name in parser.sections()}


_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_PROFILE_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_IDENTITIES = {
    "AWS_WEB_IDENTITY_TOKEN_FILE": "the web identity",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "the container's role",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "the container's role",
}
_FINDERS: Mapping[str, Callable[[Origin], Found | None]] = {
    "file": _file,
    "environment": _environment,
    "profile": _profile,
    "identity": _identity,
}
_MISSING: Mapping[str, Callable[[Origin], tuple[str, str]]] = {
    "file": lambda origin: (
        f"There are no keys to the bucket: {origin.file} is missing.",
        "Write access_key_id and secret_access_key there, mode 600.",
    ),
    "environment": lambda _: (
        "There are no keys to the bucket in the environment.",
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, then: stockops up",
    ),
}
