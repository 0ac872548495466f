"""Text from outside on a terminal."""

import json

from stock_analysis.kit.terminal import printable, printable_json


def test_what_a_terminal_would_obey_is_shown_instead() -> None:
    assert printable("a\x1b[31mb\x9b2J\u202e\ud800\r\n") == r"a\x1b[31mb\x9b2J\u202e\ud800\r\n"
    assert printable("삼성전자 é") == "삼성전자 é"


def test_what_is_long_is_cut() -> None:
    assert printable("x" * 100, longest=10) == "xxxxxxx..."


def test_json_for_people_has_no_control_and_says_the_same() -> None:
    value = {"종가": "\x1b[31m\x9b2J\x7f\u202e"}
    text = printable_json(value)
    assert "종가" in text
    assert all(one.isprintable() or one == "\n" for one in text)
    assert json.loads(text) == value
