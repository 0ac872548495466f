"""Install what the tests need beyond Python packages: npm packages of tests/, a Chromium to drive.

A browser that is there is used. Else, as root on Debian, its package is installed; everywhere else
Playwright fetches its own. Run by `make test`, with the environment's Python; a second run does nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN_PACKAGES = ("chromium", "fonts-nanum")
TODO = f"Install Chromium as one of {', '.join(BROWSERS)}, on the PATH. On Debian: apt install chromium"


def find_browser() -> str | None:
    """The machine's own Chromium; None: Playwright's is to be used."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def search_path() -> str:
    """Where Node is: beside our Python where the wheel brought it, else where the machine has it."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def main() -> int:
    try:
        install_modules()
        if find_browser() is None:
            install_browser()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"Error: the parts of the tests cannot be installed: {error}", file=sys.stderr)
        return 1
    return 0


def install_modules() -> None:
    """npm ci in tests/, unless it was done for this lock."""
    stamp = TESTS / "node_modules" / ".stamp-modules"
    locked = hashlib.sha256((TESTS / "package-lock.json").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == locked:
        return
    print("Test packages: npm ci in tests/", flush=True)
    npm = shutil.which("npm", path=search_path()) or "npm"
    command = [npm, "ci", "--no-audit", "--no-fund", "--prefer-offline"]
    subprocess.run(command, cwd=TESTS, env=os.environ | {"PATH": search_path()}, check=True)
    stamp.write_text(locked)


def install_browser() -> None:
    if os.geteuid() == 0 and Path("/etc/debian_version").exists():
        print(f"Browser: apt-get install {' '.join(DEBIAN_PACKAGES)}", flush=True)
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update"], ["install", "-y", "--no-install-recommends", *DEBIAN_PACKAGES]):
            subprocess.run(["apt-get", "-q", *words], env=os.environ | quiet, check=True)
        return
    print(f"Browser: Playwright's own. If it cannot be fetched: {TODO}", flush=True)
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


if __name__ == "__main__":
    sys.exit(main())
