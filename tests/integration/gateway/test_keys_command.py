"""`stock-analysis keys` as an operator types it."""

import json
import os
import re
import subprocess
from pathlib import Path

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import environment
from tests.integration.gateway.test_all_and_apart import PROGRAM


def keys(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    known = os.environ | environment(settings)
    return subprocess.run([PROGRAM, "keys", *words], env=known, capture_output=True, text=True, check=False)


def test_a_key_is_shown_once_then_listed_without_its_secret_and_revoked_once(database: Settings) -> None:
    made = keys(database, "create", "분석가", "--scope", "read", "--scope", "operate", "--expires", "90d")
    token = made.stdout.strip()
    assert re.fullmatch(r"sa_[a-z2-7]{8}_[a-z2-7]{32}", token)
    assert "stored nowhere" in made.stderr

    listed = json.loads(keys(database, "list", "--json").stdout)["items"]
    assert [(key["name"], key["state"], key["scopes"]) for key in listed] == [
        ("분석가", "active", ["operate", "read"])
    ]
    assert token.rsplit("_", 1)[1] not in keys(database, "list").stdout

    prefix = listed[0]["prefix"]
    assert "within 5 s" in keys(database, "revoke", prefix).stdout
    again = keys(database, "revoke", prefix)
    assert (again.returncode, again.stdout) == (1, "")
    assert prefix in again.stderr
    assert "revoked" in keys(database, "list").stdout


def test_all_keys_are_resealed_with_a_new_pepper_or_none_is(database: Settings, tmp_path: Path) -> None:
    file = tmp_path / "pepper"
    file.write_text("first\n")
    sealed = database.model_copy(update={"api_key_pepper_file": file})
    for name in ("one", "two"):
        keys(sealed, "create", name)
    file.write_text("second\nfirst\n")
    assert keys(sealed, "reseal").stdout == "resealed 2 keys\n"
    assert keys(sealed, "reseal").stdout == "no changes\n"

    file.write_text("third\n")
    lost = keys(sealed, "reseal")
    assert (lost.returncode, lost.stdout) == (1, "")
    assert "put that pepper as the second line into its file, or revoke the key" in lost.stderr
    assert "Traceback" not in lost.stderr

    file.write_text("second\n")
    assert json.loads(keys(sealed, "reseal", "--plain", "--json").stdout) == {"resealed": 2}
    assert keys(database, "reseal").stdout == "no changes\n"


def test_without_keys_the_list_says_how_to_make_one(database: Settings) -> None:
    assert "keys create NAME" in keys(database, "list").stdout


def test_a_database_that_is_not_there_is_one_line_and_exit_code_4() -> None:
    done = keys(Settings.model_validate({"database_port": 1}), "list")
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_wrong_scope_or_expiry_is_said_in_words(database: Settings) -> None:
    assert keys(database, "create", "x", "--scope", "everything").returncode == 2
    wrong = keys(database, "create", "x", "--expires", "soon")
    assert wrong.returncode in (1, 2)
    assert "--expires 'soon' is no time" in wrong.stderr
