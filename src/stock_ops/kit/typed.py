"""Commands that our words tell to type, completed with what the operator named, ready to be pasted. Pure.

Our words say `stockops VERB ...`, and know of no data folder. Where it is not the default one, or another
storage or key was named, each command gets the options that its verb takes.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

PROGRAM = "stockops"
NAMING = ("--data", "--storage", "--key-file")
"""Options that say which data, which storage and which key."""
_DATA, _SOURCE = frozenset({"--data"}), frozenset(NAMING)
OPTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        **dict.fromkeys(("up", "down", "status", "logs", "doctor", "runbook", "move"), _DATA),
        **dict.fromkeys(("restore", "drill", "backup verify"), _SOURCE),
        **dict.fromkeys(("backup list", "backup show"), frozenset({"--data", "--storage"})),
        **dict.fromkeys((f"secrets {one}" for one in ("init", "check", "export", "rotate")), _DATA),
        "secrets import": frozenset({"--data", "--key-file"}),
        **dict.fromkeys(("kept list", "kept delete"), _DATA),
        **dict.fromkeys(("service install", "service remove", "service status"), _DATA),
        **dict.fromkeys((f"backup {one}" for one in ("create", "mark", "prune", "schedule", "run")), _DATA),
        **dict.fromkeys(("backup measure", "backup read-rows"), _DATA),
        **dict.fromkeys((f"backup writer {one}" for one in ("show", "take-over", "new-line", "stop")), _DATA),
    }
)
"""Those of them that each verb takes; a test holds it true."""
_VERB = re.compile(
    rf"(?<![\w./-]){PROGRAM} ({'|'.join(sorted(OPTIONS, key=len, reverse=True))})(?![\w-])(?!, pid)([^`\n]*)"
)


@dataclass(frozen=True, slots=True)
class Named:
    """What the operator named, by option: --data, --storage, --key-file."""

    options: Mapping[str, str] = field(default_factory=dict)

    def complete(self, words: str, program: str = PROGRAM) -> str:
        """The words with each command complete.

        program: what is typed for `stockops`.
        """
        return _VERB.sub(lambda found: self._completed(found, program), words)

    def _completed(self, found: re.Match[str], program: str) -> str:
        verb, rest = found[1], found[2]
        own = rest.partition(f"{PROGRAM} ")[0]
        missing = [
            f" {option} {shlex.quote(value)}"
            for option, value in self.options.items()
            if option in OPTIONS[verb] and not re.search(rf"{option}\b", own)
        ]
        return f"{program} {verb}{''.join(missing)}{self.complete(rest, program)}"


def command(*words: str) -> str:
    """A command as it is typed into a shell."""
    return shlex.join([PROGRAM, *words])
