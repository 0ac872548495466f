import asyncpg
import pytest

from stock_ops.archive.facts.server import database_words
from stock_ops.kit.errors import PartError


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.InternalClientError("got result for unknown protocol state 0"),
        ConnectionResetError("reset by peer"),
        TimeoutError(),
    ],
)
def test_whatever_a_dying_server_makes_of_the_driver_is_told_in_words(error: Exception) -> None:
    with pytest.raises(PartError) as told, database_words("The mark"):
        raise error
    assert told.value.why == f"The mark: {str(error) or 'no answer in time'}."
    assert "stockops logs postgresql" in told.value.todo
