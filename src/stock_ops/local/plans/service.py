"""The systemd unit that starts an instance with the machine, as text. Pure."""

from collections.abc import Sequence
from pathlib import Path

from stock_ops.kit.layout import Layout

_LEAST_MEMORY_BYTES = 2**30
_TASKS = 512
_START_S, _STOP_S = 900, 300
"""PostgreSQL may have to replay its log; the parts stop one after the other."""
_EVERYWHERE = (
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectKernelTunables=yes",
    "ProtectControlGroups=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
    "UMask=0077",
)
_AS_ROOT = (
    "ProtectHome=read-only",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "PrivateDevices=yes",
    "RemoveIPC=no",
    # To run the servers as a user without rights: to give that user its files, and to see, slow down and end
    # its processes.
    "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SYS_NICE "
    "CAP_SYS_PTRACE",
)


def unit_text(
    layout: Layout, python: Path, writable: Sequence[Path], memory_bytes: int, *, system: bool
) -> str:
    """The unit: `stockops up` starts it, `down` stops it, systemd keeps it within limits.

    python: runs stockops. writable: folders outside the data folder that the instance writes to.
    memory_bytes: the most that all its processes together may take.
    """
    program = f"{_quoted(python)} -m stock_ops"
    data = f"--data {_quoted(layout.root)}"
    private = _keeps_out_of_tmp(layout, writable)
    folders = [_quoted(layout.root), *(_quoted(folder, "-") for folder in writable)]
    folders += [] if private else ["/tmp"]  # noqa: S108 - names what the unit may write to
    hardening = (*_EVERYWHERE, *(_AS_ROOT if system else ()))
    return "\n".join(
        [
            "# Written by `stockops service install`; `stockops service remove` takes it away.",
            "[Unit]",
            "Description=Stock chart analysis platform",
            *(["After=network.target local-fs.target"] if system else []),
            f"RequiresMountsFor={_quoted(layout.root)}",
            "",
            "[Service]",
            "Type=forking",
            f"PIDFile={_escaped(layout.supervisor_pid)}",
            f"ExecStart={program} up {data}",
            f"ExecStop={program} down {data}",
            "Restart=on-failure",
            "RestartSec=15",
            "KillMode=mixed",
            f"TimeoutStartSec={_START_S}",
            f"TimeoutStopSec={_STOP_S}",
            f"MemoryMax={memory_bytes}",
            f"TasksMax={_TASKS}",
            f"ReadWritePaths={' '.join(folders)}",
            *(["PrivateTmp=yes"] if private else []),
            *hardening,
            "",
            "[Install]",
            f"WantedBy={'multi-user.target' if system else 'default.target'}",
            "",
        ]
    )


def _keeps_out_of_tmp(layout: Layout, writable: Sequence[Path]) -> bool:
    """Whether nothing that others look for lies in /tmp: data, or the control socket of a long path."""
    shared = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - asks what lies there
    found = (layout.root, layout.socket, *writable)
    return not any(path.is_relative_to(folder) for path in found for folder in shared)


def memory_limit(machine_bytes: int) -> int:
    """Half of the machine's memory, and no less than 1 GiB."""
    return max(_LEAST_MEMORY_BYTES, machine_bytes // 2)


def _quoted(path: Path, prefix: str = "") -> str:
    """prefix: "-" where the path may be missing."""
    text = prefix + _escaped(path).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{text}"' if any(one in text for one in " '\"\\;") else text


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
