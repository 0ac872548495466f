"""Where the tests on a cluster get the CRDs of custom kinds; Go is a script that says what it would."""

import json
from pathlib import Path

import pytest

from tools.custom_kinds import SOURCES, definitions
from tools.go_modules import CannotBeHadError


def go(folder: Path, said: dict[str, str]) -> dict[str, str]:
    """An environment whose Go says that of every module."""
    program = folder / "go"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(said)}\nEND\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_a_folder_goes_before_go_and_must_hold_every_definition(tmp_path: Path) -> None:
    environ = {"STOCK_TEST_CRDS": f"{tmp_path}"}
    paths = [tmp_path / Path(source.path).name for source in SOURCES]
    for path in paths:
        path.touch()
    assert definitions(environ) == paths
    paths[1].unlink()
    with pytest.raises(CannotBeHadError, match=f"NOT RUN: no definition {paths[1]}"):
        definitions(environ)


def test_without_go_and_without_a_folder_it_says_not_run(tmp_path: Path) -> None:
    with pytest.raises(CannotBeHadError, match=r"NOT RUN: install Go.* Or name a folder .*STOCK_TEST_CRDS"):
        definitions({"PATH": f"{tmp_path}"})


def test_a_module_that_cannot_be_had_says_why(tmp_path: Path) -> None:
    with pytest.raises(CannotBeHadError, match=r"NOT RUN: .*cert-manager.*: no such host"):
        definitions(go(tmp_path, {"Error": "no such host"}))


def test_a_module_of_another_checksum_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has the checksum h1:other=, not h1:"):
        definitions(go(tmp_path, {"Sum": "h1:other=", "Dir": f"{tmp_path}"}))
