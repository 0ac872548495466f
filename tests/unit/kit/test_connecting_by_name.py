"""A name that is not known yet is no database that is away."""

import socket
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from stock_analysis.kit import db
from stock_analysis.kit.settings import Settings

Answer = Callable[..., Any]


def connect_that_fails(times: int, errno: int) -> tuple[Answer, list[int]]:
    tries: list[int] = []

    async def answer(*_: object, **__: object) -> str:
        tries.append(1)
        if len(tries) <= times:
            raise socket.gaierror(errno, "as the name service says")
        return "a connection"

    return answer, tries


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "_NAMED_AGAIN_S", (0.0, 0.0))


async def test_a_name_service_that_says_to_try_again_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, tries = connect_that_fails(2, socket.EAI_AGAIN)
    monkeypatch.setattr(asyncpg, "connect", answer)
    assert str(await db.connect(Settings.model_validate({}), db.Role.OWNER)) == "a connection"
    assert len(tries) == 3


async def test_it_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, tries = connect_that_fails(9, socket.EAI_AGAIN)
    monkeypatch.setattr(asyncpg, "connect", answer)
    with pytest.raises(socket.gaierror):
        await db.connect(Settings.model_validate({}), db.Role.OWNER)
    assert len(tries) == 3


async def test_a_name_that_is_not_there_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, tries = connect_that_fails(1, socket.EAI_NONAME)
    monkeypatch.setattr(asyncpg, "connect", answer)
    with pytest.raises(socket.gaierror):
        await db.connect(Settings.model_validate({}), db.Role.OWNER)
    assert len(tries) == 1
