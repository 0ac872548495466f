"""What must hold of the Dockerfile, the images and the compose file, as named checks.

Each returns the places where it does not hold. tests/containers/test_broken_variants.py breaks each of them.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|PEPPER|API_?KEY|PRIVATE", re.IGNORECASE)
ONLY_DOOR = "gateway"
DRAIN_S = 22.0
"""STOCK_DRAIN_S and STOCK_SHUTDOWN_TIMEOUT_S."""

Found = Iterator[str]


# --- the Dockerfile ---------------------------------------------------------------------------------


def unpinned_base(dockerfile: str) -> Found:
    """A stage is made of an earlier one, of an image with a digest, or of an argument without a default."""
    stages: set[str] = set()
    defaults = dict(re.findall(r"^ARG (\w+)(=\S+)?$", dockerfile, re.MULTILINE))
    for base, stage in re.findall(r"^FROM (\S+)(?: AS (\S+))?$", dockerfile, re.MULTILINE):
        argument = re.fullmatch(r"\$\{(\w+)\}", base)
        pinned = "@sha256:" in base or (argument and defaults.get(argument[1]) == "")
        if base not in stages and not pinned:
            yield f"FROM {base}"
        stages.add(stage)


# --- an image ---------------------------------------------------------------------------------------


def root_user(config: dict[str, Any]) -> Found:
    """The image names a user by number, so that an orchestrator can see that it is not root."""
    user = str(config.get("User") or "")
    if not re.fullmatch(r"[1-9]\d*:0", user):
        yield f"user {user!r}"


def secret_in_env(config: dict[str, Any]) -> Found:
    """No variable of the image bears a secret; files do, and only at run time."""
    for variable in config.get("Env") or ():
        name, _, value = variable.partition("=")
        if SECRET_NAME.search(name) and value and not name.endswith("_FILE"):
            yield name


def missing_health_check(config: dict[str, Any]) -> Found:
    """A service says by itself whether it works."""
    test = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    if test == ["NONE"]:
        yield "HEALTHCHECK"


def shell_form(config: dict[str, Any]) -> Found:
    """The first process is no shell, which would keep SIGTERM to itself."""
    if (config.get("Entrypoint") or [""])[0] in {"", "/bin/sh", "sh", "/bin/bash"}:
        yield f"entry point {config.get('Entrypoint')}"


IMAGE_CHECKS: dict[str, Callable[[dict[str, Any]], Found]] = {
    "root user": root_user,
    "secret in ENV": secret_in_env,
    "missing health check": missing_health_check,
    "shell form": shell_form,
}


# --- the compose file -------------------------------------------------------------------------------


def _root_user(name: str, service: dict[str, Any], _: dict[str, Any]) -> Found:
    user = str(service.get("user", ""))
    if user.split(":")[0] in {"", "0", "root"}:
        yield f"{name}: user {user!r}"


def _writable_root(name: str, service: dict[str, Any], _: dict[str, Any]) -> Found:
    if service.get("read_only") is not True:
        yield f"{name}: read_only"


def _rights(name: str, service: dict[str, Any], _: dict[str, Any]) -> Found:
    if [str(one).lower() for one in service.get("cap_drop", ())] != ["all"] or service.get("cap_add"):
        yield f"{name}: cap_drop"
    if "no-new-privileges:true" not in service.get("security_opt", ()):
        yield f"{name}: no-new-privileges"
    if service.get("privileged"):
        yield f"{name}: privileged"


def _limits(name: str, service: dict[str, Any], _: dict[str, Any]) -> Found:
    yield from (f"{name}: {limit}" for limit in ("cpus", "mem_limit", "pids_limit") if not service.get(limit))


def _log_rotation(name: str, service: dict[str, Any], _: dict[str, Any]) -> Found:
    options = service.get("logging", {}).get("options", {})
    if not {"max-size", "max-file"} <= options.keys():
        yield f"{name}: logging"


def _health_check(name: str, service: dict[str, Any], _: dict[str, Any]) -> Found:
    """The platform's image brings its own; a command that ends, a one-shot, needs none."""
    check = service.get("healthcheck", {})
    is_service = service.get("restart") == "unless-stopped"
    brings_own = "PLATFORM_IMAGE" in str(service.get("image"))
    if is_service and (check.get("disable") or not (check.get("test") or brings_own)):
        yield f"{name}: healthcheck"


def _published_port(name: str, service: dict[str, Any], model: dict[str, Any]) -> Found:
    if service.get("ports") and name != ONLY_DOOR:
        yield f"{name}: ports {service['ports']}"
    if service.get("network_mode", "none") != "none":
        yield f"{name}: network_mode"
    outside = [one for one in service.get("networks", ()) if not model["networks"][one].get("internal")]
    if outside and name != ONLY_DOOR and (name, outside) not in WAYS_OUT:
        yield f"{name}: networks {outside}"


WAYS_OUT = [
    ("backup", ["storage"]),
    ("restore", ["storage"]),
    ("live", ["providers"]),
    ("sentiment", ["providers"]),
]
"""To where the backups are, to sources of prices and posts; nothing comes in, for no port is published."""


def _default_password(name: str, service: dict[str, Any], _: dict[str, Any]) -> Found:
    """A secret is a file from outside, never a value or the default of a variable."""
    environment = service.get("environment", {})
    pairs = (
        environment.items() if isinstance(environment, dict) else (one.split("=", 1) for one in environment)
    )
    for variable, value in pairs:
        if SECRET_NAME.search(variable) and not str(value).startswith("/run/secrets/"):
            yield f"{name}: {variable}"
    if str(environment).find("POSTGRES_HOST_AUTH_METHOD") >= 0:
        yield f"{name}: POSTGRES_HOST_AUTH_METHOD"


def _unpinned_image(name: str, service: dict[str, Any], _: dict[str, Any]) -> Found:
    """Each image is a variable without a default: there is no version that nobody chose."""
    if not re.fullmatch(r"\$\{\w+_IMAGE:\?[^}]+\}|\S+@sha256:[0-9a-f]{64}", str(service.get("image"))):
        yield f"{name}: image {service.get('image')}"


def _short_grace(name: str, service: dict[str, Any], _: dict[str, Any]) -> Found:
    grace = re.fullmatch(r"(\d+)s", str(service.get("stop_grace_period", "10s")))
    if not grace or float(grace[1]) <= DRAIN_S:
        yield f"{name}: stop_grace_period"


def _order(name: str, service: dict[str, Any], _: dict[str, Any]) -> Found:
    """Whoever needs another waits for its health, or for the end of a one-shot."""
    needs = service.get("depends_on", {})
    waits = {"service_healthy", "service_completed_successfully"}
    if not isinstance(needs, dict) or any(one.get("condition") not in waits for one in needs.values()):
        yield f"{name}: depends_on"


COMPOSE_CHECKS: dict[str, Callable[[str, dict[str, Any], dict[str, Any]], Found]] = {
    "root user": _root_user,
    "writable root": _writable_root,
    "rights": _rights,
    "limits": _limits,
    "log rotation": _log_rotation,
    "missing health check": _health_check,
    "published port": _published_port,
    "default password": _default_password,
    "unpinned image": _unpinned_image,
    "short grace": _short_grace,
    "order": _order,
}


def failed_image_checks(config: dict[str, Any]) -> dict[str, list[str]]:
    """Name of each check that does not hold, and where."""
    found = {name: list(check(config)) for name, check in IMAGE_CHECKS.items()}
    return {name: places for name, places in found.items() if places}


def failed_compose_checks(model: dict[str, Any]) -> dict[str, list[str]]:
    """The same of a compose file as YAML reads it, without its variables filled in."""
    found: dict[str, list[str]] = {}
    for check_name, check in COMPOSE_CHECKS.items():
        places = [place for name, one in model["services"].items() for place in check(name, one, model)]
        if places:
            found[check_name] = places
    return found
