"""Each way to weaken images or stack is caught by the check of that name, and by no other."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.containers.bases import PREFIX
from tests.containers.checks import failed_compose_checks, failed_image_checks, unpinned_base
from tests.containers.images import Image
from tests.containers.podman import inspect, run
from tests.containers.stack import COMPOSE
from tools.container_parts import ROOT

DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
Model = dict[str, Any]


def model() -> Model:
    found = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    assert isinstance(found, dict)
    return found


def test_the_compose_file_passes_every_check() -> None:
    assert failed_compose_checks(model()) == {}


def test_every_variable_of_the_compose_files_is_explained() -> None:
    files = sorted(COMPOSE.glob("compose*.yaml"))
    assert len(files) == 6
    used = {name for file in files for name in re.findall(r"\$\{(\w+)", file.read_text())}
    assert used == set(re.findall(r"^(\w+)=", (COMPOSE / ".env.example").read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    "overlay", ["compose.dev.yaml", "compose.logging.yaml", "compose.monitoring.yaml", "compose.test.yaml"]
)
def test_an_overlay_opens_nothing_but_loopback(overlay: str) -> None:
    services = yaml.load((COMPOSE / overlay).read_text(), Loader)["services"]  # noqa: S506 - a SafeLoader
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert not [name for name, one in services.items() if one.get("privileged") or one.get("cap_add")]


class Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML brings no types
    """With the tags that compose adds."""


Loader.add_constructor("!reset", lambda loader, node: loader.construct_mapping(node))


def change(service: str, **values: Any) -> Callable[[Model], None]:
    return lambda found: found["services"][service].update(values)


def let_out(found: Model) -> None:
    found["networks"]["data"] = {}


def take_check(found: Model) -> None:
    del found["services"]["valkey"]["healthcheck"]


def give_password(found: Model) -> None:
    found["services"]["postgresql"]["environment"] |= {"POSTGRES_PASSWORD": "${DATABASE_PASSWORD:-postgres}"}


@pytest.mark.parametrize(
    ("name", "break_it"),
    [
        ("root user", change("stock", user="0:0")),
        ("root user", change("postgresql", user="root")),
        ("writable root", change("gateway", read_only=False)),
        ("rights", change("valkey", cap_add=["NET_ADMIN"])),
        ("rights", change("kafka", security_opt=[])),
        ("limits", change("stock", pids_limit=None)),
        ("log rotation", change("stock", logging={"driver": "json-file"})),
        ("missing health check", take_check),
        ("missing health check", change("stock", healthcheck={"disable": True})),
        ("published port", change("postgresql", ports=["5432:5432"])),
        ("published port", let_out),
        ("published port", change("drill-database", network_mode="host")),
        ("default password", give_password),
        ("unpinned image", change("valkey", image="valkey/valkey:latest")),
        ("unpinned image", change("valkey", image="${VALKEY_IMAGE:-valkey/valkey:9}")),
        ("short grace", change("gateway", stop_grace_period="20s")),
        ("order", change("gateway", depends_on=["stock"])),
    ],
)
def test_a_weakened_compose_file_fails_the_check_of_that_name(
    name: str, break_it: Callable[[Model], None]
) -> None:
    broken = model()
    break_it(broken)
    assert list(failed_compose_checks(broken)) == [name]


@pytest.mark.parametrize("name", ["drill-database", "restore-database"])
def test_what_recovers_data_has_no_network_and_no_secret(name: str) -> None:
    found = model()["services"][name]
    assert (found["network_mode"], found["group_add"]) == ("none", [])
    assert not [volume for volume in found["volumes"] if "SECRETS" in volume or "KEY" in volume]


def test_every_base_image_is_pinned() -> None:
    assert list(unpinned_base(DOCKERFILE.read_text())) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("FROM ${NODE_IMAGE} AS page", "FROM node:24 AS page"),
        ("ARG PYTHON_IMAGE\n", "ARG PYTHON_IMAGE=python:3.13-slim\n"),
    ],
)
def test_an_unpinned_base_is_found(old: str, new: str) -> None:
    text = DOCKERFILE.read_text()
    assert old in text
    assert list(unpinned_base(text.replace(old, new, 1)))


def test_the_build_refuses_a_base_without_its_digest() -> None:
    environ = {"BUILDER": "buildah", "PYTHON_IMAGE": "python:3.13", "NODE_IMAGE": "node:24"}
    done = run(ROOT / "deploy/docker/build.sh", "platform", environ=environ, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "Error: PYTHON_IMAGE=python:3.13 is not pinned; give it as NAME@sha256:...\n",
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("root user", "USER root"),
        ("secret in ENV", "ENV STOCK_DATABASE_PASSWORD=hunter2"),
        ("missing health check", "HEALTHCHECK NONE"),
        ("shell form", "ENTRYPOINT exec stock-analysis serve"),
    ],
)
def test_a_weakened_image_fails_the_check_of_that_name(
    name: str, line: str, platform: Image, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {platform.name}\n{line}\n")
    broken = Image(f"{PREFIX}/broken:{name.replace(' ', '-').lower()}")
    options = ("--isolation", "chroot", "--pull-never", "--format", "docker")
    run("buildah", "bud", *options, "-t", broken.name, tmp_path)
    try:
        assert list(failed_image_checks(broken.config)) == [name]
    finally:
        run("podman", "rmi", broken.name)
    assert inspect("image", platform.name)
