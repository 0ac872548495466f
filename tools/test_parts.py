"""Install what the tests need beyond Python packages: npm packages of tests/, a Chromium, Prometheus, Kafka.

What is there is used. Else, as root on Debian, its package is installed. Everywhere else Playwright fetches
its own browser, and Prometheus, Java and Maven must be installed by hand. Run by `make test`, with the
environment's Python; a second run does nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_PACKAGES = ("chromium", "fonts-nanum")
PROMETHEUS = ("prometheus", "promtool")
KAFKA_POM = TESTS / "kafka-pom.xml"
KAFKA_JARS = ROOT / "build" / "kafka"
"""Where the jars of Kafka are, for a broker in a process and in a container."""
TODO = f"Install Chromium as one of {', '.join(BROWSERS)}, on the PATH. On Debian: apt install chromium"


def find_browser() -> str | None:
    """The machine's own Chromium; None: Playwright's is to be used."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def has_prometheus() -> bool:
    """Whether the machine has Prometheus and the tool that checks its rules."""
    return all(map(shutil.which, PROMETHEUS))


def search_path() -> str:
    """Where Node is: beside our Python where the wheel brought it, else where the machine has it."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def main() -> int:
    try:
        install_modules()
        if find_browser() is None:
            install_browser()
        if not has_prometheus():
            install_prometheus()
        install_kafka()
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
    if is_apt_ours():
        install_packages("Browser", BROWSER_PACKAGES)
        return
    print(f"Browser: Playwright's own. If it cannot be fetched: {TODO}", flush=True)
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def install_prometheus() -> None:
    if not is_apt_ours():
        raise FileNotFoundError(f"{' and '.join(PROMETHEUS)} must be on the PATH; install Prometheus")
    install_packages("Prometheus", ("prometheus",))


def install_kafka() -> None:
    """Apache Kafka's own jars from Maven Central, whole or not at all, and a Java to run them."""
    programs = {"java": "default-jre-headless", "mvn": "maven"}
    if KAFKA_JARS.is_dir():
        del programs["mvn"]
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and not is_apt_ours():
        raise FileNotFoundError(f"{' and '.join(missing)} must be on the PATH; install Java 17 and Maven")
    if missing:
        install_packages("Java", [programs[program] for program in missing])
    if KAFKA_JARS.is_dir():
        return
    print("Kafka: its jars from Maven Central", flush=True)
    KAFKA_JARS.parent.mkdir(exist_ok=True)
    unfinished = KAFKA_JARS.with_suffix(".new")
    copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={unfinished}"]
    subprocess.run(["mvn", "-q", "-B", "-f", KAFKA_POM, *copy], check=True)
    unfinished.rename(KAFKA_JARS)


def is_apt_ours() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists()


def install_packages(part: str, packages: Sequence[str]) -> None:
    print(f"{part}: apt-get install {' '.join(packages)}", flush=True)
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "-q", *words], env=os.environ | quiet, check=True)


if __name__ == "__main__":
    sys.exit(main())
