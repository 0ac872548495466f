import re
from pathlib import Path

import pytest

from tools import bootstrap

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "build" / "extras.json"
    monkeypatch.setattr(bootstrap, "CHOSEN", path)
    return path


def test_an_extra_that_was_chosen_stays_chosen() -> None:
    bootstrap.remember_extras(["yahoo"])
    bootstrap.remember_extras([])
    assert bootstrap.chosen_extras() == ["yahoo"]
    bootstrap.remember_extras(["krx"])
    assert bootstrap.chosen_extras() == ["krx", "yahoo"]


def test_an_unknown_extra_is_refused_with_those_there_are() -> None:
    with pytest.raises(bootstrap.BootstrapError) as caught:
        bootstrap.extra_locks(["naver"])
    assert "yahoo, krx" in caught.value.todo


@pytest.mark.parametrize("text", ["", "{", '["of a later release"]'])
def test_a_choice_that_cannot_be_read_is_none(chosen: Path, text: str) -> None:
    chosen.parent.mkdir()
    chosen.write_text(text)
    assert bootstrap.chosen_extras() == []


def test_every_extra_has_its_lock() -> None:
    for name in bootstrap.EXTRAS:
        assert (CHECKOUT / "requirements" / f"{name}.txt").is_file()


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_the_readme_installs_only_what_there_is(name: str) -> None:
    text = (CHECKOUT / name).read_text()
    assert set(re.findall(r"make install EXTRA=(\w+)", text)) <= set(bootstrap.EXTRAS)
    assert "pip install" not in text


def test_no_message_names_a_package_that_is_not_published() -> None:
    sources = (CHECKOUT / "src").rglob("*.py")
    assert [path.name for path in sources if "pip install 'stock-analysis" in path.read_text()] == []
