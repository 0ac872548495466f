"""What in a backup could run a command or load code, and what is put in its place. Pure.

A backup is sealed, but whoever can write to the storage can put another one there. So a server starts on what
was fetched with our own settings alone; of the others, what could do harm does not come back into use.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

COMMANDS = frozenset(
    {
        "archive_cleanup_command",
        "archive_command",
        "primary_conninfo",
        "recovery_end_command",
        "restore_command",
        "ssl_passphrase_command",
    }
)
"""A shell runs them, or they lead to another server."""
LIBRARIES = frozenset(
    {
        "archive_library",
        "dynamic_library_path",
        "extension_control_path",
        "jit_provider",
        "local_preload_libraries",
        "oauth_validator_libraries",
        "session_preload_libraries",
        "shared_preload_libraries",
    }
)
"""The server loads them, or looks for them there."""
PLACES = frozenset(
    {
        "config_file",
        "data_directory",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "include",
        "include_dir",
        "include_if_exists",
        "log_directory",
        "log_filename",
        "logging_collector",
        "unix_socket_directories",
    }
)
"""They name files that are read or written."""
ARMED = COMMANDS | LIBRARIES | PLACES

OPTIONS: Mapping[str, str] = {
    **dict.fromkeys(COMMANDS, ""),
    **dict.fromkeys(LIBRARIES - {"jit_provider", "dynamic_library_path", "extension_control_path"}, ""),
    "dynamic_library_path": "$libdir",
    "extension_control_path": "$system",
    "jit": "off",
    "event_triggers": "off",
    "external_pid_file": "",
}
"""What a server is told on its command line, over what any file says."""
SESSION: Mapping[str, str] = {
    "session_preload_libraries": "",
    "local_preload_libraries": "",
    "dynamic_library_path": "$libdir",
    "event_triggers": "off",
}
"""What each of our connections asks for, over what the settings of roles say."""

_NAME = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)?)")


@dataclass(frozen=True, slots=True)
class Armed:
    """A setting that is not taken over."""

    where: str
    """The file, or whose setting it is."""
    text: str

    def __str__(self) -> str:
        return f"{self.text} ({self.where})"


def disarm(file: str, text: str) -> tuple[str, tuple[Armed, ...]]:
    """The lines of a settings file that may come back into use, and those that may not.

    In such a file no setting goes on in the next line. A setting of an extension (`plperl.on_init`) may run
    anything, and goes as well.
    """
    kept, found = [], []
    for line in text.splitlines(keepends=True):
        name = _NAME.match(line)
        if name and (name[1].lower() in ARMED or "." in name[1]):
            found.append(Armed(file, " ".join(line.split())))
        else:
            kept.append(line)
    return "".join(kept), tuple(found)


def is_armed(setting: str) -> bool:
    """Whether a setting of a role or a database, `name=value`, is not taken over."""
    name = setting.partition("=")[0].lower()
    return name in ARMED or "." in name
