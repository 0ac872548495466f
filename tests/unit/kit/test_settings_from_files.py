"""Secrets from files, as containers are given them."""

from pathlib import Path

import pytest

from stock_analysis.kit.settings import SECRETS, SettingsError, load_settings

VARIABLE = "STOCK_DATABASE_PASSWORD"


def load(path: Path, **more: str) -> str:
    loaded = load_settings(environ={f"{VARIABLE}_FILE": str(path), **more})
    password = loaded.settings.database_password
    assert password is not None
    assert loaded.sources["database_password"] == str(path)
    return password.get_secret_value()


@pytest.mark.parametrize(("content", "secret"), [("s p\n", "s p"), ("s", "s"), ("s\r\n", "s"), ("s ", "s ")])
def test_a_secret_is_the_one_line_of_its_file(tmp_path: Path, content: str, secret: str) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    assert load(tmp_path / "secret") == secret


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"x" * 5000, b"\xff\xfe"])
def test_a_file_that_is_no_secret_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(SettingsError, match=rf"{VARIABLE}_FILE: .*secret") as error:
        load(tmp_path / "secret")
    assert "two" not in str(error.value)


def test_a_missing_file_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=rf"{VARIABLE}_FILE: .*nothing cannot be read: No such file"):
        load(tmp_path / "nothing")


def test_a_secret_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    with pytest.raises(SettingsError, match=f"{VARIABLE} and {VARIABLE}_FILE are both set"):
        load(tmp_path / "secret", **{VARIABLE: "other"})


def test_a_setting_that_is_no_secret_has_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"STOCK_DATABASE_HOST_FILE .*no such setting"):
        load_settings(environ={"STOCK_DATABASE_HOST_FILE": str(tmp_path)})


def test_the_secrets_are_those_that_are_masked() -> None:
    assert SECRETS == ("database_password", "valkey_password")
