"""Keys and tags: what they depend on, and that what carries one is found again byte for byte."""

import json
from pathlib import Path

import pytest

from stock_ops.kit.errors import CorruptFileError
from stock_ops.storage.keys import (
    authentication_key,
    draw_identity,
    dump_authentication_key,
    knows_tags,
    read_authentication_key,
    read_identity,
)
from stock_ops.storage.tags import (
    AuthenticationKey,
    frame_of,
    hkdf_sha256,
    is_tagged_json,
    split_frame,
    split_tag,
    tag_of,
    with_tag,
)

KEY = AuthenticationKey("age1ours", bytes(range(32)))


@pytest.mark.parametrize(
    ("secret", "salt", "info", "expected"),
    [
        (
            "0b" * 22,
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
        ),
        ("0b" * 22, "", "", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"),
    ],
    ids=["RFC 5869, A.1", "RFC 5869, A.3"],
)
def test_hkdf_gives_what_its_standard_says(secret: str, salt: str, info: str, expected: str) -> None:
    found = hkdf_sha256(bytes.fromhex(secret), bytes.fromhex(info), bytes.fromhex(salt))
    assert found.hex() == expected


def test_a_tag_depends_on_key_storage_name_content_and_ledger() -> None:
    tags = {
        tag_of(KEY, "one", "marks/a.json", b"text"),
        tag_of(AuthenticationKey("age1ours", bytes(32)), "one", "marks/a.json", b"text"),
        tag_of(KEY, "two", "marks/a.json", b"text"),
        tag_of(KEY, "one", "marks/b.json", b"text"),
        tag_of(KEY, "one", "marks/a.json", b"texts"),
        tag_of(KEY, "one", "marks/a.json", b"text", 1),
        tag_of(KEY, "onemarks/", "a.json", b"text"),
    }
    assert len(tags) == 7


@pytest.mark.parametrize("text", [b'{"a": 1}\n', b'{\n "a": {"b": []}\n}\n'])
def test_a_tag_leaves_the_text_as_it_is_and_valid_json(text: bytes) -> None:
    tagged = with_tag(text, bytes(32))
    assert split_tag(tagged) == (text, bytes(32))
    assert json.loads(tagged) == {**json.loads(text), "hmac_sha256": "00" * 32}
    assert split_tag(text) == (text, None)


def test_a_frame_comes_off_again_and_log_without_one_is_told_apart() -> None:
    frame, rest = split_frame(frame_of(bytes(range(32)), 7) + b"compressed")
    assert frame
    assert (frame.ledger, frame.tag, rest) == (7, bytes(range(32)), b"compressed")
    for data in (b"", b"compressed", b"(\xb5/\xfd" + bytes(64)):
        assert split_frame(data) == (None, data)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("repository.json", True),
        ("ledger/0000000001.json", True),
        ("marks/before.json", True),
        ("backups/20261124T031500Z-full/manifest.json", True),
        ("backups/20261124T031500Z-full/verified.json", True),
        ("backups/20261124T031500Z-full/base.tar.zst.age", False),
        ("writers/0000000001.json", False),
        ("wal/00000001/000000010000000000000001.zst.age", False),
    ],
)
def test_which_objects_carry_their_tag_in_json(name: str, expected: bool) -> None:
    assert is_tagged_json(name) is expected


def test_the_authentication_key_comes_from_the_private_one_and_is_read_back(tmp_path: Path) -> None:
    recipient = draw_identity(tmp_path / "private.key")
    key = authentication_key(read_identity(tmp_path / "private.key"))
    assert key.recipient == recipient
    assert key == authentication_key(read_identity(tmp_path / "private.key"))
    (tmp_path / "derived.key").write_text(dump_authentication_key(key))
    assert read_authentication_key(tmp_path / "derived.key") == key
    assert key.secret.hex() not in repr(key)
    assert read_authentication_key(tmp_path / "none") is None
    (tmp_path / "derived.key").write_text("torn")
    with pytest.raises(CorruptFileError):
        read_authentication_key(tmp_path / "derived.key")


def test_a_new_private_key_says_that_its_backups_carry_tags(tmp_path: Path) -> None:
    draw_identity(tmp_path / "new.key")
    assert knows_tags(tmp_path / "new.key")
    text = (tmp_path / "new.key").read_text().replace("# backups: authenticated\n", "")
    (tmp_path / "old.key").write_text(text)
    assert not knows_tags(tmp_path / "old.key")
    assert not knows_tags(tmp_path / "none.key")
