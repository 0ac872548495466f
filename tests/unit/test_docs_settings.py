"""docs/settings.md is what the code says."""

from stock_analysis.kit.settings import SECRETS, Settings
from tools.generate import SETTINGS, settings


def test_the_settings_page_is_what_the_code_says() -> None:
    assert SETTINGS.read_text() == settings(), "run `make generate` and commit it"


def test_every_setting_says_what_it_is_for() -> None:
    said = {name: field.description or "" for name, field in Settings.model_fields.items()}
    assert [name for name, text in said.items() if not text.endswith(".")] == []


def test_no_secret_has_a_default() -> None:
    secrets = [name for name in Settings.model_fields if name.split("_file")[0] in SECRETS]
    assert secrets
    assert [name for name in secrets if Settings.model_fields[name].default is not None] == []
