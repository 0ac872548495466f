"""Which stocks a text is about."""

import time
import unicodedata
from datetime import UTC, date, datetime

import pytest

from stock_analysis.sentiment.cleaning import clean
from stock_analysis.sentiment.listings import Listing, SymbolTable
from stock_analysis.sentiment.symbols import MAX_MENTIONS, find
from tools.measure_mentions import Count, labelled, outcomes, table

AT = datetime(2026, 1, 15, tzinfo=UTC)
TABLE = SymbolTable(
    (
        Listing("AAPL", "XNAS", ("Apple",)),
        Listing("A", "XNYS", ("Agilent Technologies",)),
        Listing("IT", "XNYS", ("Gartner",)),
        Listing("KEY", "XNYS", ("KeyCorp",)),
        Listing("BRK.B", "XNYS", ("Berkshire Hathaway Class B",)),
        Listing("FB", "XNAS", ("Facebook",), until=date(2022, 6, 8)),
        Listing("META", "XNAS", ("Meta Platforms",), since=date(2022, 6, 9)),
        Listing("005930", "XKRX", ("Samsung Electronics (삼성전자)",)),
        Listing("035720", "XKRX", ("Kakao (카카오)",)),
        Listing("323410", "XKRX", ("KakaoBank (카카오뱅크)",)),
    )
)


def symbols(text: str, at: datetime = AT) -> list[str]:
    return [one.symbol for one in find(text, TABLE, at)]


@pytest.mark.parametrize(
    ("text", "expected", "kind"),
    [
        ("sold $AAPL", "AAPL", "cashtag"),
        ("sold $aapl", "AAPL", "cashtag"),
        ("$BRK-B is dull", "BRK.B", "cashtag"),
        ("Agilent peer (NYSE: A) beats", "A", "exchange"),
        ("AAPL earnings tonight", "AAPL", "bare"),
        ("Gartner cuts its outlook", "IT", "name"),
        ("카카오뱅크의 순이익이 늘었다", "323410", "name"),
        ("005930 지금 얼마예요?", "005930", "bare"),
    ],
)
def test_each_way_of_naming_a_stock_is_found_and_explained(text: str, expected: str, kind: str) -> None:
    found = [one for one in find(text, TABLE, AT) if one.kind == kind]
    assert [one.symbol for one in found] == [expected]
    assert found[0].why
    assert text[found[0].start : found[0].end]


@pytest.mark.parametrize(
    "text",
    ["IT IS OVER", "KEY STOCK OF THE DAY IS UP",
     "working in IT", "A stock that nobody knows", "$5 for lunch", "apple pie",
     "카카오톡으로 연락 주세요", "mail ceo@AAPL.com", "https://x.example/$AAPL", "110-005930-22 입금",
     "IT shares rally in Mumbai"],
)  # fmt: skip
def test_words_that_are_tickers_and_names_name_nothing_by_themselves(text: str) -> None:
    assert symbols(text) == []


@pytest.mark.parametrize("particle", ["", "가", "는", "를", "의", "와", "도", "에서", "만", "보다", "까지"])
def test_a_korean_name_is_found_with_any_particle(particle: str) -> None:
    text = f"오늘 삼성전자{particle} 어땠나"
    found = find(text, TABLE, AT)
    assert [one.symbol for one in found] == ["005930"]
    assert text[found[0].start : found[0].end].startswith("삼성전자")


def test_the_longest_name_wins() -> None:
    assert symbols("카카오뱅크 주가가 카카오 주가보다 낫다") == ["323410", "035720"]


@pytest.mark.parametrize(
    ("at", "expected"), [(datetime(2021, 6, 1, tzinfo=UTC), "FB"), (datetime(2023, 6, 1, tzinfo=UTC), "META")]
)
def test_the_day_decides_which_symbol_a_company_had(at: datetime, expected: str) -> None:
    assert symbols("$FB $META", at) == [expected]


def test_only_what_the_table_holds_is_found() -> None:
    assert symbols("$ZZZZ and $NVDA, 테슬라") == []


@pytest.mark.parametrize(
    "text",
    ["$A\u200bA\u200dPL up", "\u202e$AAPL\u202c up", "＄ＡＡＰＬ up",
     "<b>$AAPL</b>&nbsp;up", "שלום $AAPL", "🚀$AAPL🚀", "&#36;AAPL"],
)  # fmt: skip
def test_hidden_characters_and_markup_hide_no_stock(text: str) -> None:
    assert symbols(text) == ["AAPL"]


def test_decomposed_hangul_is_read() -> None:
    assert symbols(unicodedata.normalize("NFD", "삼성전자가 올랐다")) == ["005930"]


def test_what_only_the_page_would_run_is_not_read() -> None:
    assert symbols("<script>$AAPL</script><!-- $AAPL --> flat") == []


def test_a_place_is_a_place_in_what_was_written() -> None:
    text = "<p>&amp; \u200b$AAPL\u200b up</p>"
    (found,) = find(text, TABLE, AT)
    assert text[found.start : found.end].replace("\u200b", "") == "$AAPL"


@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "\ud800", "😂" * 50, "\u200b" * 50, "<" * 50, "$" * 50, "&#99999999;"]
)
def test_any_text_has_an_answer(text: str) -> None:
    assert find(text, TABLE, AT) == []
    clean(text)


@pytest.mark.parametrize(
    "piece",
    ["a", "1", "<", "<!--", "<script>", "$", "12 ", "a@", "www.", "&amp;", "(", "e\u0301",
     "삼성전자가 ", "$AAPL ", "A B "]
)  # fmt: skip
def test_a_hundred_kilobytes_take_time_in_proportion(piece: str) -> None:
    """A quadratic pattern takes minutes here; the bound is far from both."""
    text = (piece * 100_000)[:100_000]
    begin = time.process_time()
    assert len(find(text, TABLE, AT)) <= MAX_MENTIONS
    assert time.process_time() - begin < 20


def test_the_labelled_sets_are_large_and_share_no_text() -> None:
    seen, unseen = labelled("seen"), labelled("unseen")
    assert len(seen) + len(unseen) >= 400
    assert sum(one.korean for one in seen + unseen) >= 100
    assert len({one.text for one in seen + unseen}) == len(seen) + len(unseen)


def test_precision_and_recall_on_what_the_rules_were_tuned_on() -> None:
    count = Count()
    for one, found in outcomes("seen"):
        count.add(one.symbols, found)
    assert count.precision >= 0.97
    assert count.recall >= 0.95


def test_every_expected_symbol_is_one_that_the_table_holds() -> None:
    known = table()
    for half in ("seen", "unseen"):
        for one in labelled(half):
            for symbol in one.symbols:
                assert known.ticker(symbol, one.at.date()) is not None, (symbol, one.text)
