"""What is in the images, and what is not."""

import json
import re
import tomllib
from collections.abc import Callable

import pytest

from tests.containers.bases import StandIns
from tests.containers.checks import failed_image_checks
from tests.containers.images import SOURCE, Image, build, pulled_bytes
from tests.containers.podman import LOCKED_DOWN, run
from tools.container_parts import ROOT

MB = 1_000_000
PLATFORM_MB, OPS_MB = 250, 300
"""What is pulled from a registry; unpacked sizes are printed beside them."""

UNWANTED = r"""
find / -xdev \( -name '*.pyx' -o -name '*.c' -o -name conftest.py -o -name node_modules -o -name '*.whl' \
    -o -path '*/pip/_internal/cache/*.whl' -o -name .git \) -not -path '/proc/*' \
    -not -path '*/site-packages/pip/*' -not -path '/usr/share/python-wheels/*' 2>/dev/null || true
for program in gcc cc make npm node git curl wget; do command -v $program || true; done
ls -d /root/.cache /tmp/* /build /wheels 2>/dev/null || true
ls -d /opt/*/lib/python3*/site-packages/stock_analysis/_resources/sample_data 2>/dev/null || true
"""


def test_both_images_pass_every_check(platform: Image, stock_ops: Image) -> None:
    assert failed_image_checks(platform.config) == {}
    # Its commands run to their end.
    assert list(failed_image_checks(stock_ops.config)) == ["missing health check"]


@pytest.mark.parametrize("which", ["platform", "stock_ops"])
def test_no_compiler_no_sources_no_caches_no_sample_data(which: str, request: pytest.FixtureRequest) -> None:
    image: Image = request.getfixturevalue(which)
    assert image.sh(UNWANTED).split() == []


def test_the_labels_say_what_it_is(platform: Image, stock_ops: Image) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    revision = run("git", "rev-parse", "HEAD").stdout.strip()
    for image in (platform, stock_ops):
        labels = image.config["Labels"]
        said = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}
        assert said["version"] == version
        assert said["revision"] == revision
        assert said["source"] == SOURCE
        assert said["licenses"] == "Apache-2.0"


def test_what_is_pulled_is_small(
    platform: Image, stock_ops: Image, report: Callable[[str, str], None]
) -> None:
    pulled = [size / MB for size in pulled_bytes(platform, stock_ops)]
    for image, size_mb in zip((platform, stock_ops), pulled, strict=True):
        rooms = image.sh("du -sm /opt/*/lib/python3*/site-packages/* | sort -rn | head -8").split("\n")
        told = [
            f"{image.name}: {size_mb:.0f} MB to pull, {image.size_bytes / MB:.0f} MB unpacked; the most (MB):"
        ]
        told += [re.sub(r"/opt.*/", "", line) for line in rooms]
        report("image size", "\n".join(told))
    assert 0 < pulled[0] <= PLATFORM_MB
    assert pulled[0] < pulled[1] <= OPS_MB


def test_two_builds_from_nothing_make_the_same_layers(standins: StandIns, platform: Image) -> None:
    """A layer from the cache has the same files, with the time of the commit for which it was made."""
    again = build("platform", standins, tag="again", options=("--no-cache",))
    try:
        assert again.layers == platform.layers
    finally:
        run("podman", "rmi", again.name)


def test_the_operations_have_the_programs_that_they_call(stock_ops: Image) -> None:
    def said(*command: str) -> str:
        options = ["--rm", "--network", "none", "--user", "54321:0", *LOCKED_DOWN, "--entrypoint", command[0]]
        return run("podman", "run", *options, stock_ops.name, *command[1:]).stdout

    assert "backup" in said("stockops", "--help")
    for program in (
        "pg_basebackup",
        "pg_receivewal",
        "pg_combinebackup",
        "pg_verifybackup",
        "pg_dump",
        "psql",
    ):
        assert "(PostgreSQL) 18." in said(program, "--version")


def components(image: Image, kind: str) -> dict[str, list[str]]:
    """Name and version of each part, with its licences as the list of parts tells them."""
    document = json.loads(image.sh(f"cat /usr/share/sbom/{kind}.cdx.json"))
    assert document["bomFormat"] == "CycloneDX"
    return {
        f"{one['name']}=={one['version']}".lower(): [
            choice.get("expression") or choice["license"].get("id") or choice["license"].get("name", "")
            for choice in one.get("licenses", [])
        ]
        for one in document["components"]
    }


@pytest.mark.parametrize(("which", "lock"), [("platform", "platform.txt"), ("stock_ops", "ops.txt")])
def test_the_list_of_parts_has_every_package_of_the_lock(
    which: str, lock: str, request: pytest.FixtureRequest
) -> None:
    image: Image = request.getfixturevalue(which)
    listed = {re.sub(r"[-_.]+", "-", name) for name in components(image, "python")}
    text = (ROOT / "requirements" / lock).read_text()
    wanted = re.findall(r"^(\S+==[^\s;]+)(?: ;(.*))? ?\\$", text, re.MULTILINE)
    here = {name for name, marker in wanted if "win32" not in marker and "< '3." not in marker}
    here = {re.sub(r"[-_.]+", "-", name.lower()) for name in here}
    assert len(here) > 15
    assert here - listed == set()


def test_the_list_of_parts_has_what_the_page_ships(platform: Image) -> None:
    wanted = json.loads((ROOT / "frontend/package.json").read_text())["dependencies"]
    names = components(platform, "npm")
    assert {name.rpartition("/")[2] for name in wanted} <= {
        one.rpartition("==")[0].rpartition("/")[2] for one in names
    }


def test_every_licence_is_allowed(platform: Image, stock_ops: Image) -> None:
    """Also where a part may be taken under one of two licences, both must be allowed."""
    known = tomllib.loads((ROOT / "deploy/docker/licences.toml").read_text())
    said = components(platform, "python") | components(platform, "npm") | components(stock_ops, "python")
    names = {part: part.partition("==")[0] for part in said}
    licences = {part: known["read"].get(names[part]) or " AND ".join(said[part]) for part in said}
    refused = {part: text for part, text in licences.items() if not allows(known["allowed"], text)}
    assert refused == {}
    assert known["read"].keys() - set(names.values()) == set(), "licences.toml names what is not shipped"


def test_a_licence_that_is_not_listed_is_refused() -> None:
    assert allows(["MIT", "0BSD"], "(MIT OR 0BSD)")
    assert not allows(["MIT"], "MIT AND AGPL-3.0-only")
    assert not allows(["MIT"], "")


def allows(allowed: list[str], expression: str) -> bool:
    found = re.split(r" AND | OR |[()]", expression)
    return bool(expression) and {one for one in found if one} <= set(allowed)
