"""The backup part, which stockops runs beside the platform: what it says of the backups."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar
from pydantic import ValidationError

from stock_analysis.domain.errors import StockAnalysisError, UnavailableError
from stock_analysis.gateway.schemas import Backups
from stock_analysis.kit.settings import Settings

LONGEST_ANSWER_BYTES = 4 * 2**20
"""A backup takes 200 bytes of the answer."""

_PART = "the backup part"


class BackupsNotManagedError(StockAnalysisError):
    """Backups are not managed here: set backup_url to the address of the part that makes them."""


class BackupPart:
    """Asks the part at an address; an empty address is no part."""

    def __init__(self, url: str, timeout_s: float, session: ClientSession) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._session = session

    @property
    def managed(self) -> bool:
        """Whether there is a part to ask."""
        return bool(self._url)

    async def report(self) -> Backups:
        """The state of the backups.

        Raises BackupsNotManagedError without an address, UnavailableError without a usable answer in time.
        """
        if not self.managed:
            raise BackupsNotManagedError
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await self._fetch()
        except TimeoutError as error:
            raise UnavailableError(_PART, f"no answer within {self._timeout_s:g} s") from error
        except aiohttp.ClientError as error:
            raise UnavailableError(_PART, f"{error} ({_TODO})") from error
        try:
            return Backups.model_validate_json(body)
        except ValidationError as error:
            raise UnavailableError(_PART, f"its answer cannot be used: {_first(error)}") from error

    async def _fetch(self) -> bytes:
        async with self._session.get(f"{self._url}/status", allow_redirects=False) as response:
            if response.status != 200:
                raise UnavailableError(_PART, f"it answers {response.status} ({_TODO})")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > LONGEST_ANSWER_BYTES:
                    raise UnavailableError(_PART, f"its answer is longer than {LONGEST_ANSWER_BYTES} bytes")
            return bytes(body)


_TODO = "`stockops status` and `stockops logs backup` say why"


@asynccontextmanager
async def open_backup_part(settings: Settings) -> AsyncIterator[BackupPart]:
    """The part that the settings name, with its connections."""
    session = ClientSession(timeout=ClientTimeout(total=None), cookie_jar=DummyCookieJar())
    async with session:
        yield BackupPart(settings.backup_url, settings.backup_timeout_s, session)


def _first(error: ValidationError) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
