"""Run a program on a leash: when its parent dies, the kernel sends it a signal, so it is never orphaned.

leash.py SIGNAL USER PARENT PROGRAM [ARGUMENT...]
USER is name:uid:gid, or - to stay who we are. PARENT is the process to die with, or - for the one that is our
parent when we begin: a parent that knows its own number gives it, for it may die before we have begun.

Run with `python -I -S`, by path: it must start in milliseconds and may only use the standard library.
Linux only; elsewhere the program runs without the leash, and the next `up` ends what was left over.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def become(user: str) -> None:
    """Give up root for good: groups first, the user last."""
    name, uid, gid = user.rsplit(":", 2)
    try:
        os.initgroups(name, int(gid))
    except OSError:
        os.setgroups([int(gid)])
    os.setgid(int(gid))
    os.setuid(int(uid))


def die_with_parent(number: int, parent: int) -> None:
    """Ask for the signal. After the change of user, which would clear it; the parent may be gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            raise SystemExit("the process that started this is gone")


def main(arguments: list[str]) -> None:
    """Put on the leash and become the program."""
    number, user, starter, *program = arguments
    parent = os.getppid() if starter == "-" else int(starter)
    if user != "-":
        become(user)
    die_with_parent(signal.Signals[f"SIG{number}"], parent)
    try:
        os.execv(program[0], program)  # noqa: S606 - no shell is the point
    except OSError as error:
        raise SystemExit(f"{program[0]} cannot be started: {error.strerror}") from error


if __name__ == "__main__":
    main(sys.argv[1:])
