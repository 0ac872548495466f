"""A secret is found in every form and at every place in a text; what is told is never the value."""

import base64
import io
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from stock_ops.secrets.facts import search as search_module
from stock_ops.secrets.facts.containers import _files
from stock_ops.secrets.facts.places import file_place
from stock_ops.secrets.facts.search import Finding, Place, search
from stock_ops.secrets.plans.forms import needles

SECRET = "3f/9+a b7d1c2e4"
PATTERNS = needles({"valkey": [SECRET], "other": ["0123456789abcdef"]})


def found_in(text: bytes, *, has_lines: bool = False, chunk: int = 7) -> set[Finding]:
    def pieces() -> Iterator[bytes]:
        for at in range(0, len(text), chunk):
            yield text[at : at + chunk]

    return search(Place("log", "a.log", pieces, has_lines), PATTERNS)


@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("after", range(4))
def test_base64_is_found_wherever_the_secret_begins(before: int, after: int) -> None:
    text = b"x" * before + SECRET.encode() + b"y" * after
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert {one.form for one in found_in(b"auth=" + encode(text))} == {"Base64"}


def test_each_form_is_named() -> None:
    forms = {
        "as it is": SECRET,
        "URL-encoded": f"https://u:{quote(SECRET, safe='')}@host/",
        "hexadecimal": SECRET.encode().hex(),
    }
    for form, text in forms.items():
        assert found_in(text.encode()) == {Finding("valkey", form, "log", "a.log")}


def test_another_text_is_no_finding() -> None:
    noise = random.Random(1).randbytes(200_000)
    assert found_in(noise + base64.b64encode(noise), chunk=9999) == set()


def test_a_secret_is_found_across_two_pieces_and_its_line_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search_module, "_CHUNK_BYTES", 5)
    for before in range(30):
        text = b"first\n" * 3 + b"." * before + SECRET.encode() + b"\nlast\n"
        (found,) = found_in(text, has_lines=True, chunk=3)
        assert found == Finding("valkey", "as it is", "log", "a.log, line 4")


def test_what_is_told_does_not_hold_the_value() -> None:
    told = f"{found_in(SECRET.encode())}{PATTERNS}"
    assert SECRET not in told
    assert SECRET.encode().hex() not in told


def test_a_text_that_is_too_short_to_be_a_secret_is_left_out() -> None:
    assert needles({"a": ["short"], "b": [""]}) == ()


def test_a_file_that_cannot_be_read_is_an_error_and_no_pass(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        search(file_place("log", tmp_path / "gone.log"), PATTERNS)


def test_a_file_in_a_layer_is_named() -> None:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        for name, content in {"etc/motd": b"hello", "app/.env": b"PASSWORD=" + SECRET.encode()}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    layer.seek(0)
    found = [one for place in _files("image:1", layer) for one in search(place, PATTERNS)]
    assert found == [Finding("valkey", "as it is", "image", "/app/.env in a layer of image:1")]
