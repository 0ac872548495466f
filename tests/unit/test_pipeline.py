"""The pipeline's own rules: jobs call make, and a kubeconfig is a file for the life of one command."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
_PINNED = re.compile(r"^[\w./-]+@[0-9a-f]{40}$")
_MADE = re.compile(r'^(sudo env "PATH=\$PATH" )?make [a-z-]+|^docker login ghcr\.io .* --password-stdin ')


def steps() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.name} {name}", step)
        for path in WORKFLOWS
        for name, job in yaml.safe_load(path.read_text())["jobs"].items()
        for step in job.get("steps", [])
    ]


def test_there_are_workflows() -> None:
    assert {path.name for path in WORKFLOWS} == {"ci.yml", "images.yml", "deploy.yml"}
    assert len(steps()) > 15


@pytest.mark.parametrize(("where", "step"), steps())
def test_a_step_calls_make_or_an_action_pinned_by_its_commit(where: str, step: dict[str, Any]) -> None:
    if "uses" in step:
        assert _PINNED.match(step["uses"]), where
    else:
        assert _MADE.match(step["run"]), where
        assert "${{" not in step["run"], f"{where}: what others wrote would become part of a script"


def test_each_target_that_a_job_calls_is_there() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {word for _, step in steps() for word in re.findall(r"make ([a-z-]+)", step.get("run", ""))}
    assert called <= known
    assert {"ci", "images", "scan", "push-images", "deploy"} <= called


def run_with(content: str | None, *command: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "KUBECONFIG": "mine"}
    environ |= {} if content is None else {"KUBECONFIG_CONTENT": content}
    line: list[str | Path] = [ROOT / "tools" / "with-kubeconfig.sh", *command]
    return subprocess.run(line, env=environ, capture_output=True, text=True, check=False)


def test_a_kubeconfig_is_a_file_for_its_owner_alone_and_gone_afterwards() -> None:
    script = 'echo "$KUBECONFIG"; stat -c %a "$KUBECONFIG"; cat "$KUBECONFIG"; env | grep -c CONTENT; exit 7'
    done = run_with("secret: word", "sh", "-c", script)
    path, mode, text, count = done.stdout.splitlines()
    assert (mode, text, count) == ("600", "secret: word", "0")
    assert done.returncode == 7
    assert not Path(path).exists()


def test_without_a_content_the_kubeconfig_of_the_environment_stays() -> None:
    assert run_with(None, "sh", "-c", 'echo "$KUBECONFIG"').stdout == "mine\n"
