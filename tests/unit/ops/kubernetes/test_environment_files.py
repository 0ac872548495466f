"""An environment file: found by name, bounded, and refused in words."""

from pathlib import Path

import pytest

from stock_ops.kit.errors import OpsError
from stock_ops.kubernetes.errors import EnvironmentFileError
from stock_ops.kubernetes.facts.environment import read_checkout, read_environment

ROOT = Path(__file__).resolve().parents[4]
DIGEST = "sha256:" + "a" * 64


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return f"{path}"


def read(folder: Path, text: str, image: str | None = None) -> None:
    read_environment(write(folder, text), image, here=ROOT)


def test_an_environment_of_the_repository_is_found_by_name() -> None:
    found = read_environment("small", here=ROOT)
    assert found.path == ROOT / "deploy/environments/small.yaml"
    assert (found.namespace, found.release, found.chart.is_dir()) == ("stocks", "stock", True)


def test_the_image_of_the_command_line_takes_the_place_of_the_files(tmp_path: Path) -> None:
    name = write(tmp_path, "image: {repository: a, digest: '', pullPolicy: Always}")
    found = read_environment(name, f"r.example/x@{DIGEST}", here=ROOT)
    assert found.values["image"] == {"repository": "r.example/x", "digest": DIGEST, "pullPolicy": "Always"}
    assert found.values_hash != read_environment(name, here=ROOT).values_hash


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "no mapping"),
        ("a: [", "expected"),
        ("deploy: 3", "deploy is no mapping"),
        ("deploy: {timeoutSeconds: soon}", "deploy.timeoutSeconds = 'soon'"),
        ("deploy: {backupWithinHours: -1}", "deploy.backupWithinHours = -1"),
        ("a: " + "x" * 1_000_001, "larger than"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFileError, match=said):
        read(tmp_path, text)


def test_a_name_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(OpsError) as raised:
        read_environment("prodution", here=ROOT)
    assert "production" in raised.value.todo


def test_the_image_of_the_backups_is_named_beside_it(tmp_path: Path) -> None:
    name = write(tmp_path, "backup: {enabled: true, image: {repository: a}}")
    found = read_environment(name, ops_image=f"r.example/ops@{DIGEST}", here=ROOT)
    assert found.values["backup"] == {
        "enabled": True,
        "image": {"repository": "r.example/ops", "digest": DIGEST},
    }
    with pytest.raises(EnvironmentFileError, match="--ops-image"):
        read_environment(name, ops_image="r.example/ops:1", here=ROOT)


def test_an_image_without_digest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFileError, match="REPOSITORY@sha256"):
        read(tmp_path, "{}", "a:1")


def test_the_checkout_knows_its_newest_migrations(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    for name in ("0001_pre_a.sql", "0002_post_b.sql", "0003_pre_c.sql", "schema.sql"):
        (tmp_path / "migrations" / name).touch()
    found = read_checkout(tmp_path)
    assert (found.pre, found.post, found.commit) == (3, 2, "unknown")
