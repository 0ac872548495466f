"""From a fresh clone to a running platform: environment, packages, pages. Standard library only.

bootstrap.py up [ARGUMENTS of stockops up]    what `make up` does
bootstrap.py install [yahoo] [krx] [kafka]    the environment alone; with an extra, which then stays
bootstrap.py dev | bench | cluster            with what tests, benchmarks or the tests on a cluster need
bootstrap.py npm SCRIPT...                    scripts of frontend/package.json, with the right Node
bootstrap.py lock [--upgrade]                 write requirements/*.txt anew

Every step leaves a stamp with the content it was done for, so a second run skips it.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
REQUIREMENTS = ROOT / "requirements"
FRONTEND = ROOT / "frontend"
STAMPS = ENVIRONMENT / "stamps"
LOGS = ROOT / "build" / "logs"

LOWEST_PYTHON = (3, 11)
LOWEST_NODE = (20, 19)

RUN = ("build.txt", "run.txt")
DEV = (*RUN, "dev.txt", "kafka.txt", "yahoo.txt", "krx.txt")
BENCH = (*DEV, "bench.txt")
CLUSTER = (*DEV, "cluster.txt")
EXTRAS = ("yahoo", "krx", "kafka", "kubernetes")
CHOSEN = ROOT / "build" / "extras.json"
"""Outside the environment, so that an environment made anew has them again."""


class BootstrapError(Exception):
    """A step failed; says why and what to do."""

    def __init__(self, why: str, todo: str) -> None:
        super().__init__(why)
        self.todo = todo


class Progress:
    """One line for each step with its time; on a terminal also what is under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}
        self._live = sys.stdout.isatty()

    @contextmanager
    def step(self, title: str, detail: str) -> Iterator[None]:
        with self._lock:
            self._running[title] = time.monotonic()
        state = "failed"
        try:
            yield
            state = "ok"
        finally:
            with self._lock:
                seconds = time.monotonic() - self._running.pop(title)
                self._clear()
                print(f"{self._mark(state)}{title:<18} {seconds:5.1f} s  {detail}", flush=True)

    def tick(self) -> None:
        """Show what is under way."""
        with self._lock:
            if self._live and self._running:
                now = time.monotonic()
                words = ", ".join(f"{title} {now - start:.0f} s" for title, start in self._running.items())
                print(f"\r\x1b[2K... {words}"[: shutil.get_terminal_size().columns + 4], end="", flush=True)

    def _clear(self) -> None:
        if self._live:
            print("\r\x1b[2K", end="")

    def _mark(self, state: str) -> str:
        colour = {"ok": "32", "failed": "31"}[state]
        return f"\x1b[{colour}m{state:<7}\x1b[0m" if self._live else f"{state:<7}"


PROGRESS = Progress()


def main(arguments: list[str]) -> int:
    if sys.version_info < LOWEST_PYTHON:
        return _hand_over(arguments)
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("install", [])
    verbs: dict[str, Callable[[list[str]], int]] = {
        "up": _up,
        "install": _install_with,
        "dev": lambda _: _prepare(DEV, pages=True),
        "bench": lambda _: _prepare(BENCH, pages=True),
        "cluster": lambda _: _prepare(CLUSTER, pages=True),
        "npm": _npm,
        "lock": _lock,
    }
    if verb not in verbs:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return verbs[verb](rest)
    except BootstrapError as error:
        print(f"Error: {error}\nTo do: {error.todo}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to go on.", file=sys.stderr)
        return 130


def _hand_over(arguments: list[str]) -> int:
    """Go on with a newer Python of this machine, if there is one."""
    for minor in range(15, LOWEST_PYTHON[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer and subprocess.run([newer, "-c", "import venv"], check=False).returncode == 0:
            os.execv(newer, [newer, __file__, *arguments])  # noqa: S606 - no shell is the point
    found = ".".join(map(str, sys.version_info[:3]))
    print(f"Error: this is Python {found}; 3.11 or later is needed.", file=sys.stderr)
    print("To do: install it, or name it: make up PYTHON=/path/to/python3.11", file=sys.stderr)
    return 1


def _up(arguments: list[str]) -> int:
    _prepare(RUN, pages=True)
    sys.stdout.flush()
    stockops = str(ENVIRONMENT / "bin" / "stockops")
    os.execv(stockops, [stockops, "up", *arguments])  # noqa: S606 - no shell is the point


def _install_with(extras: list[str]) -> int:
    """Install; extras that could be installed are remembered for every later installation."""
    done = _prepare((*RUN, *extra_locks(extras)), pages=True)
    remember_extras(extras)
    return done


def extra_locks(extras: list[str]) -> list[str]:
    """The locks of the extras. Raises BootstrapError for a name that is none of ours."""
    unknown = sorted(set(extras) - set(EXTRAS))
    if unknown:
        raise BootstrapError(f"There is no extra {unknown[0]!r}.", f"Choose among: {', '.join(EXTRAS)}")
    return [f"{name}.txt" for name in extras]


def remember_extras(extras: list[str]) -> None:
    """Add to those of earlier installations."""
    if extras:
        CHOSEN.parent.mkdir(exist_ok=True)
        CHOSEN.write_text(json.dumps(sorted({*chosen_extras(), *extras})) + "\n")


def chosen_extras() -> list[str]:
    """The extras of earlier installations."""
    try:
        return [name for name in json.loads(_read(CHOSEN) or "[]") if name in EXTRAS]
    except ValueError:
        return []


def _prepare(requirements: tuple[str, ...], *, pages: bool) -> int:
    """Packages and pages, side by side: the one waits for the network, the other computes."""
    requirements = (*requirements, *extra_locks(chosen_extras()))
    node = _system_node()
    with _alone(), ThreadPoolExecutor(2) as pool:
        python = pool.submit(_python, requirements, with_node=pages and node is None)
        built = pool.submit(_pages, python, node) if pages else None
        _wait([one for one in (python, built) if one])
    return 0


def _wait(futures: list["Future[None]"]) -> None:
    """Until all are done; when one fails or Ctrl-C comes, the others end too."""
    try:
        while not all(one.done() for one in futures):
            PROGRESS.tick()
            time.sleep(0.05)
            if any(one.done() and one.exception() for one in futures):
                break
        for one in sorted(futures, key=lambda one: not one.done()):
            one.result()
    except BaseException:
        _end_children()
        raise


@contextmanager
def _alone() -> Iterator[None]:
    """One bootstrap at a time in this checkout; the kernel frees the lock when its holder dies."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("... another `make` prepares this checkout; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- Python -------------------------------------------------------------------------------------


def _python(requirements: tuple[str, ...], *, with_node: bool) -> None:
    """Environment, packages, and the project itself."""
    wanted = (*requirements, "node.txt") if with_node else requirements
    stamp = _Stamp("packages")
    known = stamp.read()
    if known.get("place") != str(ROOT) or known.get("python") != sys.version or not PYTHON.exists():
        _make_environment()
        known = {"place": str(ROOT), "python": sys.version}
    files = {name: _digest([REQUIREMENTS / name]) for name in wanted}
    if any(known.get(name) != digest for name, digest in files.items()):
        stamp.remove()
        every = sorted(files.keys() | {name for name in known if (REQUIREMENTS / name).is_file()})
        _install(every)
        known |= {name: _digest([REQUIREMENTS / name]) for name in every}
    if known.get("project") != _digest([ROOT / "pyproject.toml"]):
        _install_project()
        known["project"] = _digest([ROOT / "pyproject.toml"])
    stamp.write(known)


def _make_environment() -> None:
    with PROGRESS.step("Environment", f".venv with Python {sys.version.split()[0]}"):
        if ENVIRONMENT.exists() and not (ENVIRONMENT / "pyvenv.cfg").exists():
            raise BootstrapError(f"{ENVIRONMENT} is there and is no virtual environment.", "Move it away.")
        venv.create(ENVIRONMENT, clear=True, symlinks=True, with_pip=False)
        STAMPS.mkdir()


def _install(files: list[str]) -> None:
    """By uv, which takes a fraction of pip's time; by pip where uv cannot."""
    arguments = [word for name in files for word in ("-r", str(REQUIREMENTS / name))]
    with PROGRESS.step("Installer", "uv"):
        _run("installer", [*_pip(), *_PIP_OPTIONS, "-r", str(REQUIREMENTS / "installer.txt")])
    count = len({line for name in files for line in _names(REQUIREMENTS / name)})
    with PROGRESS.step("Packages", f"{count} locked by hash ({', '.join(files)})"):
        try:
            _run("packages", [*_uv(), "--require-hashes", "--no-deps", *arguments])
        except BootstrapError as error:
            print(f"        uv cannot install here ({error}); pip takes over", flush=True)
            _run("packages", [*_pip(), *_PIP_OPTIONS, *arguments])


def _install_project() -> None:
    with PROGRESS.step("Project", "stock-analysis, editable"):
        options = ["--no-build-isolation", "--no-deps", "-e", str(ROOT)]
        try:
            _run("project", [*_uv(), *options])
        except BootstrapError:
            _run("project", [*_pip(), *options, "--no-compile"])


_PIP_OPTIONS = ["--require-hashes", "--no-deps", "--no-compile", "--disable-pip-version-check"]


def _uv() -> list[str]:
    return [str(ENVIRONMENT / "bin" / "uv"), "pip", "install", "--python", str(PYTHON), "--no-progress"]


def _pip() -> list[str]:
    """pip as it comes with Python, run from its wheel so that it need not be installed first."""
    try:
        import ensurepip
    except ImportError:
        ensurepip_folder = Path("/nonexistent")
    else:
        ensurepip_folder = Path(ensurepip.__file__).parent
    for wheel in sorted(
        [*ensurepip_folder.glob("_bundled/pip-*.whl"), *Path("/usr/share/python-wheels").glob("pip-*.whl")]
    ):
        return [str(PYTHON), str(wheel / "pip"), "install"]
    probe = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if probe.returncode == 0:
        return [sys.executable, "-m", "pip", "--python", str(PYTHON), "install"]
    raise BootstrapError("This Python comes without pip.", "On Debian and Ubuntu: apt install python3-venv")


def _names(path: Path) -> list[str]:
    return re.findall(r"^[A-Za-z0-9][^=\s]*==[^\s;\\]+", path.read_text(), re.MULTILINE)


# --- Pages --------------------------------------------------------------------------------------


def _system_node() -> Path | None:
    """The folder of this machine's Node, if it is recent enough and has npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(int(number) for number in re.findall(r"\d+", said)[:2])
    return Path(node).parent if version >= LOWEST_NODE else None


def _node_environment(node: Path | None) -> dict[str, str]:
    first = node or ENVIRONMENT / "bin"
    return {"PATH": os.pathsep.join([str(first), os.environ.get("PATH", os.defpath)])}


def _pages(python: "Future[None]", node: Path | None) -> None:
    """npm ci and the build, each skipped when its input is what it was."""
    if node is None:
        python.result()
    _install_modules(node)
    source = _digest(_page_sources())
    stamp = FRONTEND / "node_modules" / ".stamp-build"
    if (FRONTEND / "dist" / "index.html").exists() and _read(stamp) == source:
        return
    stamp.unlink(missing_ok=True)
    with PROGRESS.step("Pages", "npm run build"):
        _run("pages", ["npm", "run", "build"], cwd=FRONTEND, more=_node_environment(node))
        stamp.write_text(source)


def _install_modules(node: Path | None) -> None:
    stamp = FRONTEND / "node_modules" / ".stamp-modules"
    locked = _digest([FRONTEND / "package.json", FRONTEND / "package-lock.json"])
    if _read(stamp) == locked:
        return
    stamp.unlink(missing_ok=True)
    with PROGRESS.step("Page packages", "npm ci"):
        command = ["npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"]
        _run("page-packages", command, cwd=FRONTEND, more=_node_environment(node))
        stamp.write_text(locked)


def _page_sources() -> Iterator[Path]:
    for base, folders, names in os.walk(FRONTEND):
        folders[:] = [name for name in folders if name not in {"node_modules", "dist", "tests"}]
        yield from (Path(base, name) for name in names)


def _npm(scripts: list[str]) -> int:
    node = _system_node()
    if node is None:
        _python((*RUN,), with_node=True)
    _install_modules(node)
    for script in scripts:
        done = subprocess.run(
            ["npm", "run", "--silent", script],
            cwd=FRONTEND,
            env=os.environ | _node_environment(node),
            check=False,
        )
        if done.returncode != 0:
            return done.returncode
    return 0


# --- Locks --------------------------------------------------------------------------------------

LOCKS: dict[str, tuple[str, ...]] = {
    "run.txt": ("--extra", "local", "pyproject.toml"),
    "kafka.txt": ("--extra", "kafka", "pyproject.toml"),
    "yahoo.txt": ("--extra", "yahoo", "pyproject.toml"),
    "krx.txt": ("--extra", "krx", "pyproject.toml"),
    "kubernetes.txt": ("--extra", "kubernetes", "pyproject.toml"),
    "dev.txt": ("--extra", "local", "--group", "dev", "pyproject.toml"),
    "bench.txt": ("--extra", "local", "--group", "bench", "pyproject.toml"),
    "cluster.txt": ("--extra", "kubernetes", "--group", "cluster", "pyproject.toml"),
    "build.txt": ("requirements/build.in",),
    "installer.txt": ("requirements/installer.in",),
    "node.txt": ("requirements/node.in",),
    "platform.txt": ("--group", "image", "--extra", "kafka", "pyproject.toml"),
    "ops.txt": ("--group", "ops"),
}
"""Each lock and what it is made from; no two of them disagree."""

LOCKS_APART = {"sbom.txt": ("requirements/sbom.in",), "containers.txt": ("requirements/containers.in",)}
"""For environments of their own, whose needs may clash with ours."""


def _lock(arguments: list[str]) -> int:
    """Resolve everything at once, then cut each file from that, so that no two files disagree."""
    _prepare(RUN, pages=False)
    upgrade = ["--upgrade"] if "--upgrade" in arguments else []
    every = ["--all-extras", "--group", "dev", "--group", "bench", "--group", "cluster"]
    every += ["--group", "image", "--group", "ops"]
    every.append("pyproject.toml")
    _compile("all.txt", [*every, *upgrade])
    for name, what in LOCKS.items():
        _compile(name, ["--generate-hashes", "--constraint", "requirements/all.txt", *what, *upgrade])
    for name, what in LOCKS_APART.items():
        _compile(name, ["--generate-hashes", *what, *upgrade])
    return 0


def _compile(name: str, what: list[str]) -> None:
    """One lock for every system and every Python from 3.11 on, without the address of any index."""
    options = ["--universal", "--python-version", "3.11", "--no-header", "--no-annotate", "--quiet"]
    uv = str(ENVIRONMENT / "bin" / "uv")
    with PROGRESS.step("Lock", name):
        _run("lock", [uv, "pip", "compile", *options, *what, "-o", f"requirements/{name}"])


# --- Small things -------------------------------------------------------------------------------


class _Stamp:
    """What a step was done for, kept inside the environment it made."""

    def __init__(self, name: str) -> None:
        self._path = STAMPS / f"{name}.json"

    def read(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return {str(name): str(value) for name, value in found.items()}

    def remove(self) -> None:
        """Before a step begins: cut off in the middle, it must not look done."""
        self._path.unlink(missing_ok=True)

    def write(self, value: dict[str, str]) -> None:
        self._path.write_text(json.dumps(value, indent=2))


_CHILDREN: set["subprocess.Popen[bytes]"] = set()
_ending = False


def _run(step: str, command: list[str], *, cwd: Path = ROOT, more: dict[str, str] | None = None) -> None:
    """Run a command; its output goes to a log, its last lines into the error."""
    log = LOGS / f"{step}.log"
    if _ending:
        raise BootstrapError(f"{step} was not begun.", "Run the same command again.")
    with log.open("wb") as out:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=os.environ | (more or {}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        _CHILDREN.add(child)
        code = child.wait()
        _CHILDREN.discard(child)
    if code != 0:
        raise BootstrapError(
            f"{Path(command[0]).name} ended with {code}: {_last_words(log)}", f"Its output: {log}"
        )


def _end_children() -> None:
    global _ending
    _ending = True
    for number in (signal.SIGTERM, signal.SIGKILL):
        for child in list(_CHILDREN):
            with suppress(ProcessLookupError):
                os.killpg(child.pid, number)
        deadline = time.monotonic() + 2
        while _CHILDREN and time.monotonic() < deadline:
            time.sleep(0.02)


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"error|ERR!|No space left|fail", line, re.IGNORECASE)]
    return (telling or lines or ["it said nothing"])[-1][:300]


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
