"""The short way for a question that was asked before: no routing, no validation, the same answer."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from stock_analysis.domain.errors import StockAnalysisError
from stock_analysis.kit.answers import Answers, fingerprint
from stock_analysis.stock.ports import BarStore
from stock_analysis.stock.shared import SharedListings

MAX_QUESTIONS, MAX_QUERY_BYTES = 4096, 1024
Target = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Question:
    """What the endpoint made of a request: the symbol, all that names the answer, the metrics' route."""

    symbol: str
    asked: tuple[object, ...]
    route: Any


class HotQuestions:
    """The questions asked last, by the bytes of path and query that asked them."""

    def __init__(self) -> None:
        self._questions: OrderedDict[Target, Question] = OrderedDict()

    def remember(self, request: Request, symbol: str, asked: tuple[object, ...]) -> None:
        """Note a request that was found valid, unless it is too long to be kept in numbers."""
        if len(request.scope["query_string"]) > MAX_QUERY_BYTES:
            return
        self._questions[_target(request.scope)] = Question(symbol, asked, request.scope["route"])
        if len(self._questions) > MAX_QUESTIONS:
            self._questions.popitem(last=False)

    def recall(self, scope: Scope) -> Question | None:
        """What this request was found to ask."""
        return (
            self._questions.get(_target(scope))
            if scope["type"] == "http" and scope["method"] == "GET"
            else None
        )


class HotPath:
    """Answers a remembered question from the cache or with 304; all else goes to the application.

    The version of the data is read each time, as the endpoint does.
    """

    def __init__(self, app: ASGIApp, questions: HotQuestions, store: BarStore, answers: Answers) -> None:
        self._app = app
        self._questions = questions
        self._listings = SharedListings(store)
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        question = self._questions.recall(scope)
        if question is None:
            await self._app(scope, receive, send)
            return
        answer = await self._ready(question, Headers(scope=scope))
        if answer is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = question.route
        await answer(scope, receive, send)

    async def _ready(self, question: Question, headers: Headers) -> Response | None:
        try:
            listing = await self._listings.listing(question.symbol)
        except StockAnalysisError:
            return None  # the endpoint will meet the same error, and answers it
        key = fingerprint(*listing.state, *question.asked)
        return await self._answers.ready(headers, key)


def _target(scope: Scope) -> Target:
    return scope["path"], scope["query_string"]
