"""Each command that is told to type exists, takes what it is given, and is complete."""

import json
import shlex
from collections.abc import Callable, Iterator

import pytest
import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from stock_ops.cli import app
from stock_ops.kit.errors import OpsError
from stock_ops.kit.layout import DATA_VARIABLE
from stock_ops.kit.report import Report
from stock_ops.kit.typed import NAMING, OPTIONS, Named
from stock_ops.kit.verbs import run_verb
from tests.unit.ops.told import Told, commands_in, told_by_code, told_by_runbooks

NAMED = Named({"--data": "/srv/my data", "--storage": "s3://bucket/a", "--key-file": "/root/b.key"})


def verbs(group: TyperGroup, before: tuple[str, ...] = ()) -> Iterator[tuple[str, frozenset[str]]]:
    """Each verb with the options that name data, storage and key."""
    for name in list(group.commands):
        found = group.commands[name]
        if isinstance(found, TyperGroup):
            yield from verbs(found, (*before, name))
        else:
            options = {option for parameter in found.params for option in parameter.opts}
            yield " ".join((*before, name)), frozenset(options & set(NAMING))


def parse(line: str) -> None:
    """Have the command line parsed, as the shell and stockops do it; nothing is run."""
    program, *words = shlex.split(line)
    assert program == "stockops"
    found = typer.main.get_command(app)
    while isinstance(found, TyperGroup):
        assert words, f"{line}: a verb is missing"
        found = found.commands[words.pop(0)]
    if words[-1:] != ["--help"]:
        found.make_context(found.name, words, resilient_parsing=False)


def test_the_options_of_each_verb_are_known() -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    taken = {verb: options for verb, options in verbs(root) if options}
    assert taken == dict(OPTIONS), "name the verb in stock_ops/kit/typed.py"


def test_commands_are_found_in_words() -> None:
    words = "Look (stockops backup list); `stockops up` helps; to make one: stockops backup create --full"
    assert list(commands_in(words)) == [
        "stockops backup list",
        "stockops up",
        "stockops backup create --full",
    ]


@pytest.mark.parametrize("tell", [told_by_code, told_by_runbooks])
def test_a_command_that_is_told_can_be_pasted(tell: Callable[[], list[Told]]) -> None:
    found = tell()
    assert len(found) > 60
    assert [refusal for told in found if (refusal := refusal_of(told))] == []


def refusal_of(told: Told) -> str:
    """Why a command cannot be pasted; empty if it can."""
    try:
        parse(NAMED.complete(told.text))
    except (KeyError, ValueError, AssertionError, TyperException) as error:
        return f"{told.place} {told.text}: {error!r}"
    return ""


def test_a_command_is_completed_with_what_was_named() -> None:
    words = "`stockops logs backup -n 5` says why; to make one now: stockops backup create --full"
    assert NAMED.complete(words) == (
        "`stockops logs --data '/srv/my data' backup -n 5` says why; to make one now: "
        "stockops backup create --data '/srv/my data' --full"
    )


def test_what_a_command_has_is_not_given_twice() -> None:
    words = "stockops restore --data /x --mark a, else `stockops restore`"
    assert NAMED.complete(words).count("--data") == 2
    assert NAMED.complete(words).count("--storage s3://bucket/a") == 2


def test_prose_about_the_program_is_no_command() -> None:
    assert NAMED.complete("stockops keeps to folders of its own") == "stockops keeps to folders of its own"


def test_who_holds_a_lock_is_no_command() -> None:
    told = "Another stockops is at work: stockops restore, pid 7, since 10:00:00."
    assert NAMED.complete(told) == told


@pytest.mark.parametrize(
    ("typed", "ended"),
    [
        ([], ""),
        (["up", "--data"], ""),
        (["up", "--data", "/srv/x"], " --data /srv/x"),
        (["up", "--data=/srv/x", "--port", "0"], " --data /srv/x"),
    ],
)
def test_what_was_named_is_read_from_what_was_typed(
    typed: list[str],
    ended: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(_: Report) -> int:
        raise OpsError("It is stopped.", "Start it: stockops up")

    monkeypatch.setattr("sys.argv", ["stockops", *typed])
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    with pytest.raises(typer.Exit):
        run_verb("up", True, refuse)
    assert json.loads(capsys.readouterr().out)["error"]["todo"] == f"Start it: stockops up{ended}"
