import re
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUPS = PROJECT["dependency-groups"]
WANTED: dict[str, list[str]] = {
    "run.txt": [*PROJECT["project"]["dependencies"], *EXTRAS["local"]],
    "yahoo.txt": EXTRAS["yahoo"],
    "krx.txt": EXTRAS["krx"],
    "dev.txt": GROUPS["dev"],
    "bench.txt": GROUPS["bench"],
    "build.txt": PROJECT["build-system"]["requires"],
}
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def text_of(name: str) -> str:
    return (CHECKOUT / "requirements" / name).read_text()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", WANTED)
def test_every_dependency_is_locked(name: str) -> None:
    locked = {normal(found) for found, _ in PIN.findall(text_of(name))}
    wanted = {normal(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in WANTED[name]}
    assert wanted <= locked, f"run `make lock`: {sorted(wanted - locked)}"


@pytest.mark.parametrize("name", [*WANTED, "installer.txt", "node.txt"])
def test_every_locked_package_has_its_hash(name: str) -> None:
    entries = re.split(r"\n(?=\S)", text_of(name).strip())
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("name", [*WANTED, "installer.txt", "node.txt", "all.txt"])
def test_no_lock_holds_an_address(name: str) -> None:
    assert "://" not in text_of(name)
    assert "--index" not in text_of(name)
    assert "--find-links" not in text_of(name)


def test_no_two_locks_disagree() -> None:
    whole = set(PIN.findall(text_of("all.txt")))
    for name in ("run.txt", "yahoo.txt", "krx.txt", "dev.txt", "bench.txt"):
        assert set(PIN.findall(text_of(name))) <= whole, name
