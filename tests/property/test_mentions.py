"""Any text at all: places lie in it, what was found is listed, and a judgement is a distribution."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from stock_analysis.sentiment.cleaning import clean
from stock_analysis.sentiment.listings import Listing, SymbolTable
from stock_analysis.sentiment.model import load_model
from stock_analysis.sentiment.symbols import find

AT = datetime(2026, 1, 15, tzinfo=UTC)
TABLE = SymbolTable(
    (
        Listing("AAPL", "XNAS", ("Apple",)),
        Listing("A", "XNYS", ("Agilent Technologies",)),
        Listing("BRK.B", "XNYS", ("Berkshire Hathaway Class B",)),
        Listing("005930", "XKRX", ("삼성전자",)),
    )
)
MODEL = load_model()
PIECES = st.sampled_from(
    (
        *(
            "$AAPL",
            "Apple",
            "A",
            "NYSE: A",
            "삼성전자가",
            "005930",
            "shares",
            "up 5%",
            "<b>",
            "</b>",
            "&amp;",
            "&#36;",
        ),
        *(
            "\u200b",
            "\u202e",
            "e\u0301",
            "\u1112\u1161\u11ab",
            "\U0001f680",
            " ",
            "\n",
            "<!--",
            "@a",
            "\ud800",
        ),
        "https://x.example/$AAPL",
    )
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=30).map("".join))


@given(TEXTS)
def test_places_are_in_the_text_in_order_and_apart(text: str) -> None:
    found = find(text, TABLE, AT)
    last = 0
    for one in found:
        assert last <= one.start < one.end <= len(text)
        assert one.symbol in ("AAPL", "A", "BRK.B", "005930")
        assert one.why
        last = one.start


@given(TEXTS)
def test_cleaning_keeps_the_way_back_and_cleans_what_is_clean_no_further(text: str) -> None:
    read = clean(text)
    assert len(read.at) == len(read.text) + 1
    assert all(first <= second for first, second in zip(read.at, list(read.at)[1:], strict=False))
    assert read.at[-1] == len(text)


@given(TEXTS)
def test_a_judgement_is_a_distribution_and_its_score_their_difference(text: str) -> None:
    (judged,) = MODEL.judge([text])
    assert abs(judged.negative + judged.neutral + judged.positive - 1) < 1e-9
    assert abs(judged.score - (judged.positive - judged.negative)) < 1e-9


@given(TEXTS, st.sampled_from(("\u200b", "\u200d", "\u2060", "\u202e")))
def test_an_invisible_character_anywhere_changes_nothing(text: str, hidden: str) -> None:
    marked = hidden.join(text)
    if "&" in text:
        return  # within an entity it is no entity any more
    assert [one.symbol for one in find(marked, TABLE, AT)] == [one.symbol for one in find(text, TABLE, AT)]
