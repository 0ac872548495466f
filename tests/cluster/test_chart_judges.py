"""What others' programs say of the chart and of everything that it renders."""

import json
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.cluster.release import CHART, LEAST, merged, render
from tests.containers.podman import run
from tools.container_parts import JUDGES, ROOT, trivy

ENVIRONMENTS = sorted((ROOT / "deploy" / "environments").glob("*.yaml"))
IGNORED = ROOT / "tests" / "cluster" / "trivyignore"
SKIPS = ROOT / "tests" / "cluster" / "checkov.yaml"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file for each environment."""
    folder = tmp_path_factory.mktemp("rendered")
    for path in ENVIRONMENTS:
        write(folder, path.name, render(yaml.safe_load(path.read_text()), upgrade=True))
    return folder


def write(folder: Path, name: str, documents: list[dict[str, Any]]) -> None:
    for one in documents:
        one["metadata"].setdefault("namespace", "stocks")
    (folder / name).write_text(yaml.safe_dump_all(documents))


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_helm_lint_accepts_the_chart_with_each_environment(path: Path) -> None:
    values = merged(LEAST, yaml.safe_load(path.read_text()))
    found = helm_python.lint(CHART, values, strict=True, namespace="stocks", kube_version="v1.37.0")
    assert found["errors"] == []
    assert [one for one in found["messages"] if one["severity"] >= 2] == []


def checkov(folder: Path) -> dict[str, Any]:
    program = JUDGES / "bin" / "checkov"
    options = ("--skip-download", "--framework", "kubernetes", "--quiet", "--compact", "-o", "json")
    done = run(program, *options, "--config-file", SKIPS, "-d", folder, check=False)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_checkov_accepts_every_environment_and_finds_a_mistake(rendered: Path, tmp_path: Path) -> None:
    found = checkov(rendered)
    assert found["summary"]["passed"] > 1000
    assert found["results"]["failed_checks"] == []
    documents = render()
    (stock,) = (
        one for one in documents if one["kind"] == "Deployment" and one["metadata"]["name"] == "s-stock"
    )
    stock["spec"]["template"]["spec"]["containers"][0]["securityContext"]["privileged"] = True
    write(tmp_path, "wrong.yaml", documents)
    assert "CKV_K8S_16" in {one["check_id"] for one in checkov(tmp_path)["results"]["failed_checks"]}


def test_trivy_finds_no_misconfiguration_in_what_is_rendered(rendered: Path) -> None:
    options = ("--quiet", "--skip-check-update", "--severity", "MEDIUM,HIGH,CRITICAL", "--exit-code", "1")
    run(trivy(), "config", *options, "--ignorefile", IGNORED, rendered)
