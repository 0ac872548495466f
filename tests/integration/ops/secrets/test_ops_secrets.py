"""`secrets check` finds what leaked, wherever it is; a bundle brings secrets to another machine."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from stock_ops.local.facts.instance import FIELDS
from tests.integration.ops.conftest import Maker
from tests.integration.ops.instance import Instance, Result
from tests.integration.ops.secrets.test_ops_rotation import known, opens, with_keys

Leak = Callable[[Instance, str], AbstractContextManager[object]]
NAME = "stock_reader"


def secrets(instance: Instance, verb: str, *words: str) -> Result:
    command = [instance.interpreter(), "-m", "stock_ops", "secrets", verb, *words]
    return instance.run_command([*command, "--data", f"{instance.data}", "--json"])


@contextmanager
def in_a_log(instance: Instance, value: str) -> Iterator[None]:
    with (instance.layout.logs / "platform.log.1").open("a") as log:
        log.write(f"first\nconnecting with {value}\n")
    yield


@contextmanager
def in_an_encoded_header(instance: Instance, value: str) -> Iterator[None]:
    with instance.layout.log("platform").open("a") as log:
        log.write(f"Authorization: Basic {base64.b64encode(f'user:{value}'.encode()).decode()}\n")
    yield


@contextmanager
def in_the_settings(instance: Instance, value: str) -> Iterator[None]:
    with instance.layout.platform_config.open("a") as file:
        file.write(f'# database_password = "{value}"\n')
    yield


@contextmanager
def in_a_manifest(instance: Instance, value: str) -> Iterator[None]:
    folder = instance.backups / "backups" / "20260101T000000Z-full"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"command": f"psql postgresql://u:{value}@h/"}))
    yield


def sleeping(*words: str, **variables: str) -> AbstractContextManager[object]:
    code = "import sys, time; print('up', flush=True); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], env=os.environ | variables, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()

    @contextmanager
    def ended() -> Iterator[None]:
        try:
            yield
        finally:
            process.kill()
            process.communicate()

    return ended()


def in_the_process_list(_: Instance, value: str) -> AbstractContextManager[object]:
    return sleeping(f"--password={value}")


def in_an_environment(_: Instance, value: str) -> AbstractContextManager[object]:
    return sleeping(PGPASSWORD=value)


LEAKS: list[tuple[Leak, str, str, str]] = [
    (in_a_log, "log", "as it is", "platform.log.1, line 2"),
    (in_an_encoded_header, "log", "Base64", "platform.log, line"),
    (in_the_settings, "settings", "as it is", "platform.toml, line"),
    (in_a_manifest, "backup", "as it is", "backups/20260101T000000Z-full/manifest.json"),
    (in_the_process_list, "process list", "as it is", "command line of"),
    (in_an_environment, "environment", "as it is", "environment of"),
]


def test_a_leaked_secret_is_found_with_its_place_and_never_shown(used_stub: Instance) -> None:
    used_stub.up()
    # Tests beside this one have copies of the same instance, and give its passwords to psql.
    assert secrets(used_stub, "rotate", "all").code == 0
    clean = secrets(used_stub, "check")
    assert (clean.code, clean.json["outcome"], clean.json["found"]) == (0, "passed", [])
    assert {"log", "settings", "process list", "environment", "backup"} <= set(clean.json["looked_at"])

    for leak in LEAKS:
        is_found(used_stub, known(used_stub)[NAME], *leak)
        rotated = secrets(used_stub, "rotate", NAME)
        assert rotated.code == 0, rotated.out  # where it has leaked, the next one has not


def is_found(instance: Instance, value: str, plant: Leak, kind: str, form: str, place: str) -> None:
    with plant(instance, value):
        leaked = secrets(instance, "check")
        plain = instance.run_command(
            [instance.interpreter(), "-m", "stock_ops", "secrets", "check", "--data", f"{instance.data}"]
        )
    assert (leaked.code, leaked.json.get("outcome"), plain.code) == (1, "failed", 1), leaked.out
    (found,) = leaked.json["found"]
    assert (found["secret"], found["form"], found["kind"]) == (NAME, form, kind)
    assert place in found["place"]
    assert NAME in plain.out
    assert value not in leaked.out + leaked.err + plain.out + plain.err


@pytest.mark.timeout(600)
def test_a_bundle_brings_every_secret_to_another_machine(used: Instance, make: Maker) -> None:
    (token,) = with_keys(used, 1)
    assert secrets(used, "rotate", "api_key_pepper").code == 0
    bundle = used.data.parent / "secrets.age"
    written = secrets(used, "export", "--to", f"{bundle}")
    assert written.code == 0, written.out
    assert bundle.stat().st_mode & 0o777 == 0o600
    mine = known(used)
    assert not [value for value in mine.values() if value.encode() in bundle.read_bytes()]
    assert secrets(used, "export", "--to", f"{bundle}").code == 1

    key = next(used.settings.glob("**/*key*"))
    fresh = make("fresh", stub=True)
    taken = secrets(fresh, "import", f"{bundle}", "--key-file", f"{key}")
    assert taken.code == 0, taken.out
    fresh.up()
    assert known(fresh) == mine
    assert opens(fresh, NAME, mine[NAME])

    other = make("other", stub=True)
    other.up()
    before = known(other)
    taken = secrets(other, "import", f"{bundle}", "--key-file", f"{key}")
    assert taken.code == 0, taken.out
    assert known(other) == mine
    assert opens(other, NAME, mine[NAME])
    assert not opens(other, NAME, before[NAME])
    assert secrets(other, "import", f"{bundle}", "--key-file", f"{key}").json["changed"] is False
    assert token


def test_secrets_are_drawn_once_before_the_first_start_and_used_by_it(stubbed: Instance) -> None:
    drawn = secrets(stubbed, "init")
    assert (drawn.code, drawn.json["changed"]) == (0, True)
    assert stubbed.layout.secrets.stat().st_mode & 0o777 == 0o600
    before = known(stubbed)
    assert secrets(stubbed, "init").json["changed"] is False
    stubbed.up()
    assert known(stubbed) == before
    assert opens(stubbed, NAME, before[NAME])
    stubbed.layout.secrets.unlink()
    assert secrets(stubbed, "init").error["todo"].endswith(f"stockops up --data {stubbed.data}")


def test_a_bundle_that_is_none_is_refused_and_nothing_changes(used_stub: Instance) -> None:
    used_stub.up()
    key = next(used_stub.settings.glob("**/*key*"))
    before = used_stub.layout.secrets.read_bytes()
    bundle = used_stub.data.parent / "bundle"
    bundle.write_bytes(b"nothing")
    refused = secrets(used_stub, "import", f"{bundle}", "--key-file", f"{key}")
    assert (refused.code, refused.error["kind"]) == (1, "BundleError")
    assert "does not open" in refused.error["why"]
    assert used_stub.layout.secrets.read_bytes() == before


def test_the_names_are_shown_and_no_value(used_stub: Instance) -> None:
    used_stub.up()
    command = [used_stub.interpreter(), "-m", "stock_ops", "secrets", "show-names", "--json"]
    shown = used_stub.run_command(command)
    assert {one["name"] for one in shown.json["names"]} == set(FIELDS)
    assert not [value for value in known(used_stub).values() if value and value in shown.out]
