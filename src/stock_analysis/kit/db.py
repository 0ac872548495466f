"""PostgreSQL: the pool, the named statements, and rows as arrays by binary COPY."""

import asyncio
import re
import socket
import struct
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from importlib.resources import files
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

from stock_analysis.kit.request_id import current_request_id, traceparent
from stock_analysis.kit.secret_files import MOST_VALUES, Secret
from stock_analysis.kit.settings import Settings, secret

CONNECTION_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # its state machine, when the server dies in the middle of a COPY
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
)
_ROUNDS = 3
_NAMED_AGAIN_S = (0.2, 0.5, 1.0, 2.0)
_STATEMENT = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_COPY_TRAILER = struct.pack(">h", -1)


class Role(StrEnum):
    """What a connection is for; each has a role of the database with the rights that it needs."""

    OWNER = "owner"
    """Migrations, the administration of API keys, and what deletes: taking imports back, instruments."""
    WRITER = "writer"
    """Imports."""
    READER = "reader"
    """The stock-service: it cannot write."""
    GATEWAY = "gateway"
    """API keys as they are used."""
    RELAY = "relay"
    """The relay and the consumers of events."""
    SENTIMENT = "sentiment"
    """The sentiment-service: posts and what they say; it sees no price."""


async def open_pool(settings: Settings, role: Role, *, application_name: str) -> asyncpg.Pool:
    """A pool that connects on first use, so that a database that is still down does not stop the start.

    Opened for one request, as a command's is, its connections tell the database the id of that.
    """
    request_id = current_request_id.get()
    told = {"stock.request_id": request_id, "stock.traceparent": traceparent(request_id)}
    return await asyncpg.create_pool(
        connect=partial(_connect, _password(settings, role)),
        **_address(settings, role),
        min_size=0,
        max_size=settings.database_pool_size,
        command_timeout=settings.database_timeout_s,
        timeout=settings.database_timeout_s,
        server_settings={
            "application_name": application_name,
            "timezone": "UTC",
            **(told if request_id else {}),
        },
        reset=_keep_session,
    )


async def _keep_session(_: asyncpg.Connection) -> None:
    """No statement of ours changes a session, so that the round trip of RESET ALL buys nothing.

    asyncpg itself has rolled back what a cancelled request left open.
    """


async def connect(settings: Settings, role: Role) -> asyncpg.Connection:
    """A single connection, for long work: its commands have no time limit."""
    address = _address(settings, role)
    return await _connect(_password(settings, role), **address, timeout=settings.database_timeout_s)


async def check_database(pool: asyncpg.Pool) -> str:
    """Version of the server. Raises when it cannot be reached."""
    return str(await pool.fetchval("SHOW server_version"))


def database_user(settings: Settings, role: Role) -> str:
    """The database's name of the role; where it has none of its own, that of the owner."""
    named = {
        Role.OWNER: "",
        Role.WRITER: settings.database_writer,
        Role.READER: settings.database_reader,
        Role.GATEWAY: settings.database_gateway,
        Role.RELAY: settings.database_relay,
        Role.SENTIMENT: settings.database_sentiment,
    }
    return named[role] or settings.database_user


def _address(settings: Settings, role: Role) -> dict[str, Any]:
    return {
        "host": settings.database_host,
        "port": settings.database_port,
        "database": settings.database_name,
        "user": database_user(settings, role),
    }


def _password(settings: Settings, role: Role) -> Secret:
    if settings.database_passwords is not None:
        return Secret(settings.database_passwords / database_user(settings, role))
    return secret(settings, "database_password")


async def _connect(password: Secret, *args: Any, **more: Any) -> asyncpg.Connection:
    """Connect with the password as it is now, also in the moment in which it changes.

    PostgreSQL knows one password of a role. While it is changed, the file holds the new and the old one, and
    the server may change over between two tries; so each is tried, and the file is read again on a refusal.
    """
    values = before = password.read()
    for _ in range(_ROUNDS):
        for value in values or (None,):
            try:
                return await _connect_by_name(*args, password=value, **more)
            except asyncpg.InvalidPasswordError as error:
                refusal = error
        values, before = password.read(), values
        if values == before and len(values) < MOST_VALUES:
            break
    raise refusal


async def _connect_by_name(*args: Any, **more: Any) -> asyncpg.Connection:
    """A name service that has no answer yet is asked again: that of a network which a container joined."""
    for pause_s in _NAMED_AGAIN_S:
        try:
            return await asyncpg.connect(*args, **more)
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                raise
        await asyncio.sleep(pause_s)
    return await asyncpg.connect(*args, **more)


def load_queries(package: str) -> Mapping[str, str]:
    """The statements of the package's queries.sql by name.

    Each begins with the line `-- name: the_name`; further comment lines say what it is for.
    """
    text = files(package).joinpath("queries.sql").read_text()
    parts = _STATEMENT.split(text)[1:]
    return {name: sql.strip() for name, sql in zip(parts[::2], parts[1::2], strict=True)}


def copy_rows(columns: np.dtype[np.void], rows: NDArray[np.void]) -> bytes:
    """Rows in PostgreSQL's binary COPY format.

    columns: a structured dtype of big-endian numbers, one field a column; rows: (n,) of that dtype.
    """
    packed = np.empty(len(rows), _framed(columns))
    packed["fields"] = len(columns.names or ())
    for name in columns.names or ():
        packed[f"size_{name}"] = columns[name].itemsize
        packed[name] = rows[name]
    return _COPY_HEADER + packed.tobytes() + _COPY_TRAILER


def parse_rows(columns: np.dtype[np.void], data: bytes | bytearray) -> NDArray[np.void]:
    """Rows from PostgreSQL's binary COPY format; the inverse of copy_rows. No column may be NULL."""
    framed = _framed(columns)
    count, rest = divmod(len(data) - len(_COPY_HEADER) - len(_COPY_TRAILER), framed.itemsize)
    if rest:
        raise ValueError("COPY data does not have the columns asked for (a NULL, or another type)")
    return np.frombuffer(data, framed, count, len(_COPY_HEADER))


def _framed(columns: np.dtype[np.void]) -> np.dtype[np.void]:
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name in columns.names or ():
        fields += [(f"size_{name}", ">i4"), (name, columns[name].str)]
    return np.dtype(fields)


async def fetch_rows(
    connection: asyncpg.Connection, sql: str, *args: object, columns: np.dtype[np.void]
) -> NDArray[np.void]:
    """The rows of a query as a structured array, through binary COPY; about 10 times faster than records."""
    data = bytearray()

    async def collect(chunk: bytes) -> None:
        data.extend(chunk)

    await connection.copy_from_query(sql, *args, output=collect, format="binary")
    return parse_rows(columns, data)
