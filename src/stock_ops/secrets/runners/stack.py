"""Run what a change of a secret needs in the containers of a compose project."""

from pathlib import Path
from typing import Any

from stock_ops.kit.errors import PartError
from stock_ops.kit.folder_rotation import FolderHolder
from stock_ops.kit.secret_folder import group_of
from stock_ops.secrets.facts.stack import Project

_LOCKED_DOWN = ("--read-only", "--tmpfs", "/tmp:mode=1777,size=64m", "--cap-drop", "all")  # noqa: S108 - in the container
_SETTINGS = {
    "STOCK_DATABASE_HOST": "postgresql",
    "STOCK_DATABASE_PASSWORDS": "/run/secrets/",
    "STOCK_API_KEY_PEPPER_FILE": "/run/secrets/api_key_pepper",
}


def holder_of(project: Project, folder: Path) -> FolderHolder:
    """The secrets of a running stack: their folder, its servers, and the commands of its service `admin`."""

    def execute(service: str, command: str) -> None:
        project.ask("exec", project.running(service)["Id"], *command.split())

    def admin(command: str) -> None:
        gateway = project.running("gateway")
        settings = [word for one in _SETTINGS.items() for word in ("-e", "=".join(one))]
        rights = ("--user", gateway["Config"]["User"], "--security-opt", "no-new-privileges", *_LOCKED_DOWN)
        secrets = ("-v", f"{folder}/services/admin:/run/secrets:ro", "--group-add", str(group_of(folder)))
        where = ("--network", _data_network(gateway))
        project.ask("run", "--rm", *where, *rights, *secrets, *settings, gateway["Image"], *command.split())

    return FolderHolder(folder, execute, admin)


def _data_network(container: dict[str, Any]) -> str:
    """The network of the database, by the name that compose gives it."""
    for name in container["NetworkSettings"]["Networks"]:
        if name.endswith("_data"):
            return str(name)
    raise PartError("The gateway is not in the network `data`.", "Start the stack by compose.yaml.")
