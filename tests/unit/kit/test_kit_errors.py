import importlib
import inspect
import pkgutil

import pytest

import stock_analysis.kit
from stock_analysis.cli import FAILED, USAGE, _exit_code
from stock_analysis.kit.errors import KitError
from stock_analysis.kit.migrations import MigrationError
from stock_analysis.kit.server import ListenError
from stock_analysis.kit.settings import SettingsError


def public_errors() -> set[type[Exception]]:
    modules = [one.name for one in pkgutil.iter_modules(stock_analysis.kit.__path__, "stock_analysis.kit.")]
    found = [inspect.getmembers(importlib.import_module(name), inspect.isclass) for name in modules]
    classes = {one for members in found for name, one in members if not name.startswith("_")}
    return {
        one for one in classes if issubclass(one, Exception) and one.__module__.startswith("stock_analysis.")
    }


def test_every_error_of_the_kit_has_one_root() -> None:
    assert {SettingsError, MigrationError, ListenError} <= public_errors()
    assert [error for error in public_errors() if not issubclass(error, KitError)] == []


@pytest.mark.parametrize(
    ("error", "code"),
    [(SettingsError, USAGE), (MigrationError, FAILED), (ListenError, FAILED), (KitError, FAILED)],
)
def test_an_error_of_the_kit_is_one_line_and_a_code_never_a_traceback(
    error: type[KitError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise error("the reason")

    assert _exit_code(command) == code
    assert capsys.readouterr().err == "stock-analysis: the reason\n"
