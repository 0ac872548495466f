"""Near-copies: what is one, and what is not."""

import random

import pytest

from stock_analysis.sentiment.copies import fingerprint_of, fingerprints, groups_of

TEXT = "Apple will double this week because the new phone sells out everywhere, get in before it is too late"


def groups(*texts: str) -> list[int]:
    return groups_of(fingerprints([fingerprint_of(text) for text in texts]))


@pytest.mark.parametrize(
    "other",
    [
        TEXT.upper(),
        f"{TEXT} https://t.example/abc123",
        f"@somebody {TEXT}!!! 🚀🚀🚀",
        TEXT.replace("double", "double 200%").replace("week", "Week"),
        TEXT.replace("too late", "too late now"),
    ],
)
def test_what_a_flood_changes_is_a_copy_still(other: str) -> None:
    assert groups(TEXT, other) == [0, 0]


@pytest.mark.parametrize(
    "other",
    [
        "Apple will halve this week because the old phone is left everywhere, get out while you can",
        "삼성전자 3분기 영업이익이 예상보다 좋네요",
        "",
        "🚀🚀🚀",
    ],
)
def test_another_text_is_no_copy(other: str) -> None:
    assert groups(TEXT, other) == [0, 1]


def test_korean_texts_are_compared_as_well() -> None:
    text = "삼성전자 3분기 영업이익이 예상보다 좋네요. 조금 더 담았습니다. 내년까지 들고 갑니다."
    assert groups(text, f"{text} ㅋㅋ", "삼성전자 파운드리 적자가 계속됩니다. 비중 줄였습니다.") == [0, 0, 2]


def test_texts_of_signs_alone_are_copies_of_the_same_signs() -> None:
    assert groups("🚀🚀🚀", "🚀🚀🚀", "💀") == [0, 0, 2]


def test_groups_do_not_depend_on_the_order() -> None:
    draw = random.Random(7)
    words = "up down buy sell hold strong weak phone chip cloud price target growth"
    texts = [" ".join(draw.choices(words.split(), k=14)) for _ in range(60)]
    texts += [f"{text} {draw.choice(words.split())}" for text in texts[:30]]
    expected = {
        frozenset(t for t, g in zip(texts, groups(*texts), strict=True) if g == n) for n in groups(*texts)
    }
    draw.shuffle(texts)
    again = {
        frozenset(t for t, g in zip(texts, groups(*texts), strict=True) if g == n) for n in groups(*texts)
    }
    assert again == expected
    assert any(len(group) > 1 for group in expected)


def test_a_flood_of_thousands_is_one_group() -> None:
    assert groups(*(f"{TEXT} https://t.example/{n}" for n in range(3000))) == [0] * 3000
