"""What a search finds and in which order, on a real PostgreSQL."""

from collections.abc import Sequence

import asyncpg
import pytest

from stock_analysis.domain.instruments import Instrument
from stock_analysis.kit.migrations import migrate, read_migrations
from stock_analysis.kit.resources import resource
from stock_analysis.stock.repository import PostgresBarStore
from stock_analysis.testing.builders import store_instrument

NAMES = {
    "AAPL": "Apple Inc.",
    "AMAT": "Applied Materials",
    "APLE": "Apple Hospitality REIT",
    "BRK.A": "Berkshire Hathaway Class A",
    "BRK.B": "Berkshire Hathaway Class B",
    "^GSPC": "S&P 500",
    "GS": "Goldman Sachs Group",
    "KO": "Coca-Cola",
    "MCD": "McDonald’s",
    "MSFT": "Microsoft Corporation",
    "NESN": "Nestlé",
    "TSLA": "Tesla, Inc.",
    "TWX": "Time Warner",
    "7203": "トヨタ自動車",
    "005930": "Samsung Electronics (삼성전자)",
    "000660": "SK하이닉스",
    "005380": "현대자동차",
}


@pytest.fixture
async def store(pool: asyncpg.Pool) -> PostgresBarStore:
    for symbol, name in NAMES.items():
        await store_instrument(pool, Instrument(symbol, name, "XNYS", "USD"))
    return PostgresBarStore(pool)


async def found(store: PostgresBarStore, query: str) -> Sequence[str]:
    return [one.instrument.symbol for one in await store.search(query, None, (-1, ""), 50)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("aapl", "AAPL"),
        ("apple inc", "AAPL"),
        ("Apple, Inc", "AAPL"),
        ("inc apple", "AAPL"),
        ("BRKB", "BRK.B"),
        ("brk b", "BRK.B"),
        ("brk-b", "BRK.B"),
        ("BRK/B", "BRK.B"),
        ("GSPC", "^GSPC"),
        ("^gspc", "^GSPC"),
        ("s&p500", "^GSPC"),
        ("coca cola", "KO"),
        ("mcdonalds", "MCD"),
        ("mcdonald's", "MCD"),
        ("nestle", "NESN"),
        ("NESTLÉ", "NESN"),
        ("トヨタ", "7203"),
        ("ㅅㅅㅈㅈ", "005930"),
        ("ㅅㅅ", "005930"),
        ("삼성", "005930"),
        ("삼성ㅈ", "005930"),
        ("하이닉스", "000660"),
        ("ㅎㅇㄴㅅ", "000660"),
        ("ㅎㄷㅈㄷㅊ", "005380"),
        ("삼섬전자", "005930"),
        ("현데자동차", "005380"),
        ("micorsoft", "MSFT"),
        ("microsft", "MSFT"),
        ("telsa", "TSLA"),
        ("samsnug", "005930"),
        ("goldmn sach", "GS"),
    ],
)
async def test_what_was_meant_comes_first(store: PostgresBarStore, query: str, first: str) -> None:
    assert (await found(store, query))[:1] == [first]


async def test_symbols_come_before_names_and_beginnings_before_the_rest(store: PostgresBarStore) -> None:
    assert await found(store, "apple") == ["AAPL", "APLE"]
    assert await found(store, "ap") == ["APLE", "AAPL", "AMAT"]
    assert await found(store, "brk") == ["BRK.A", "BRK.B"]
    assert await found(store, "gs") == ["GS", "^GSPC"]


async def test_typing_errors_are_forgiven_only_where_nothing_fits_as_typed(store: PostgresBarStore) -> None:
    assert await found(store, "tesla") == ["TSLA"]
    assert "TSLA" in await found(store, "telsa")
    for nothing in ("no such stock", "zzzz", "xqv", "%", "_", "\\", "...", "ㅋㅋㅋㅋ"):
        assert await found(store, nothing) == []


async def test_initials_are_those_of_korean_names_and_not_letters_on_the_same_keys(
    store: PostgresBarStore,
) -> None:
    assert "TWX" not in await found(store, "ㅅㅈ")
    assert "005930" not in await found(store, "ttww")


@pytest.mark.parametrize("query", ["", "a", "brk", "telsa", "ㅅ"])
async def test_pages_hold_each_once_and_in_the_same_order(store: PostgresBarStore, query: str) -> None:
    whole = await found(store, query)
    paged: list[str] = []
    after = (-1, "")
    while page := await store.search(query, None, after, 2):
        paged += [one.instrument.symbol for one in page]
        after = (page[-1].rank, page[-1].instrument.symbol)
    assert paged == whole
    assert query or sorted(paged) == sorted(NAMES)


async def test_an_exchange_narrows_the_search(store: PostgresBarStore, pool: asyncpg.Pool) -> None:
    await store_instrument(pool, Instrument("AAPLX", "Apple in Seoul", "XKRX", "KRW"))
    only = await store.search("apple", "XKRX", (-1, ""), 50)
    assert [one.instrument.symbol for one in only] == ["AAPLX"]


async def test_instruments_of_before_the_migration_are_found(pool: asyncpg.Pool) -> None:
    """The columns of the search are made of what is stored, whoever stored it."""
    async with pool.acquire() as connection:
        await connection.execute("DROP EXTENSION pg_trgm CASCADE")
        await connection.execute("ALTER TABLE instrument DROP symbol_key, DROP name_key, DROP initials")
        await connection.execute("DROP FUNCTION hangul_initials, search_key")
        await connection.execute("DELETE FROM schema_migration WHERE name = 'search'")
        await store_instrument(connection, Instrument("BRK.B", "Berkshire Hathaway", "XNYS", "USD"))
        done = await migrate(connection, read_migrations(resource("migrations")))
        assert [one.name for one in done] == ["search"]
    assert await found(PostgresBarStore(pool), "brkb") == ["BRK.B"]
