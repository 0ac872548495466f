"""Secrets from files, as containers are given them."""

from pathlib import Path

import pytest

from stock_analysis.kit.settings import SECRETS, SettingsError, load_settings, secret

VARIABLE = "STOCK_DATABASE_PASSWORD"


def load(path: Path, **more: str) -> tuple[str, ...]:
    loaded = load_settings(environ={f"{VARIABLE}_FILE": str(path), **more})
    assert loaded.settings.database_password is None
    assert loaded.sources["database_password_file"] == "environment"
    return secret(loaded.settings, "database_password").read()


@pytest.mark.parametrize(("content", "value"), [("s p\n", "s p"), ("s", "s"), ("s\r\n", "s"), ("s ", "s ")])
def test_a_secret_is_the_line_of_its_file(tmp_path: Path, content: str, value: str) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    assert load(tmp_path / "secret") == (value,)


def test_a_secret_that_is_being_changed_has_two_lines_and_is_read_at_each_use(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old\n")
    password = secret(load_settings(environ={f"{VARIABLE}_FILE": str(file)}).settings, "database_password")
    assert password.read() == ("old",)
    file.write_text("new\nold\n")
    assert password.read() == ("new", "old")
    file.unlink()
    with pytest.raises(OSError, match=rf"{file} cannot be read"):
        password.read()


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"one\ntwo\nthree\n", b"one\n\ntwo\n", b"x" * 5000, b"\xff\xfe"]
)
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
    assert SECRETS == (
        "database_password",
        "valkey_password",
        "kafka_password",
        "session_key",
        "api_key_pepper",
        "live_alpaca_key",
        "live_alpaca_secret",
        "sentiment_naver_id",
        "sentiment_naver_secret",
        "sentiment_reddit_id",
        "sentiment_reddit_secret",
        "sentiment_x_token",
    )
