"""The database roles: made where they are missing, each with its password and its rights on the server.

Their rights on the platform's own tables are the platform's: migrations/grants.sql.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

import asyncpg

from stock_ops.kit.driver import DRIVER_ERRORS
from stock_ops.kit.errors import PartError, SlowPartError
from stock_ops.kit.layout import BACKUP_ROLE, DATABASE, LOOPBACK
from stock_ops.kit.patience import PATIENCE_VARIABLE, patient
from stock_ops.kit.secret_names import SUPERUSER
from stock_ops.local.plans.roles import GIVE_RIGHTS, MAKE_ROLES
from stock_ops.local.plans.settings import SLOT, platform_passwords
from stock_ops.local.plans.steps import SetUpRoles

_TIMEOUT_S = 20.0
_ITERATIONS = 4096
_UNLOGGED = {
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
}
"""The statement that sets a verifier may reach no log, whatever the operator has the server log."""
_FREE_SLOT = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active
"""


def set_up_roles(step: SetUpRoles) -> None:
    """Make the roles that are missing, then set passwords and rights as they shall be."""
    try:
        asyncio.run(asyncio.wait_for(_set_up(step), patient(_TIMEOUT_S)))
    except TimeoutError as error:
        raise SlowPartError(
            "PostgreSQL has not set up the database roles in time. It goes on, and so does all that runs.",
            f"Run this again; with {PATIENCE_VARIABLE}=3 in the environment it waits three times as long.",
        ) from error
    except (*DRIVER_ERRORS, OSError) as error:
        raise PartError(
            f"The database roles cannot be set up: {error}.",
            "See `stockops logs postgresql`, then run this again.",
        ) from error


async def make_roles(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    """The roles and their rights on the server, in one transaction.

    connection: of the superuser, to the platform's database; passwords: by role; a role that has none here
    keeps the one it has.
    """
    async with connection.transaction():
        for statement in MAKE_ROLES:
            await connection.execute(statement)
        for role, password in passwords.items():
            await connection.execute(set_password(role, password))
        for statement in GIVE_RIGHTS:
            await connection.execute(statement)


def set_password(role: str, password: str) -> str:
    """The statement that gives the role a password, which itself does not stand in it."""
    return f"ALTER ROLE {role} PASSWORD '{scram_verifier(password)}'"


def scram_verifier(password: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5803): sent in its place, the password is in no statement.

    password: ASCII, which SASLprep leaves as it is.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    told = (base64.b64encode(one).decode() for one in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ITERATIONS, *told)


def change_password(port: int, superuser: Sequence[str], role: str, password: str) -> None:
    """Give a role of the running server another password. superuser: the passwords that it may have."""
    try:
        asyncio.run(asyncio.wait_for(_change_password(port, superuser, role, password), _TIMEOUT_S))
    except (*DRIVER_ERRORS, OSError, TimeoutError) as error:
        raise PartError(
            f"The password of {role} cannot be changed: {error or 'no answer in time'}.",
            "See `stockops logs postgresql`, then bring the change to its end: stockops up",
        ) from error


async def _change_password(port: int, superuser: Sequence[str], role: str, password: str) -> None:
    connection = await _connect(port, superuser)
    try:
        await connection.execute(set_password(role, password))
    finally:
        await connection.close()


async def _connect(port: int, superuser: Sequence[str]) -> asyncpg.Connection:
    for left, password in reversed(list(enumerate(reversed(superuser)))):
        try:
            return await asyncpg.connect(
                host=LOOPBACK,
                port=port,
                user=SUPERUSER,
                password=password,
                database=DATABASE,
                server_settings=_UNLOGGED,
            )
        except asyncpg.InvalidPasswordError:
            if not left:
                raise
    raise ValueError("no password of the superuser was given")


async def _set_up(step: SetUpRoles) -> None:
    connection = await _connect(step.port, (step.secrets.superuser,))
    try:
        await make_roles(connection, {**platform_passwords(step.secrets), BACKUP_ROLE: step.secrets.backup})
        if not step.archives:
            await connection.execute(_FREE_SLOT, SLOT)
    finally:
        await connection.close()
