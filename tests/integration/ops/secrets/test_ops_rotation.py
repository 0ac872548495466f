"""Secrets are changed under a running instance: no request fails, wherever the change is cut off."""

import asyncio
import json
import subprocess
from pathlib import Path

import asyncpg
import httpx
import pytest

from stock_analysis.kit.db import Role
from stock_ops.kit.secret_names import BY_NAME, PEPPER, SESSION_KEY, SUPERUSER, VALKEY
from stock_ops.local.facts.health import ask_valkey
from stock_ops.local.facts.instance import FIELDS
from tests.integration.gateway.test_all_and_apart import PROGRAM
from tests.integration.ops.instance import Instance, Result
from tests.integration.ops.secrets import killed_rotate
from tests.integration.ops.secrets.traffic import (
    Traffic,
    connections,
    requests_by_key,
    requests_by_session,
    valkey_connections,
)

STEPS = 6
PASSWORDS = [name for name in BY_NAME if name not in {SESSION_KEY, PEPPER}]


def rotate(instance: Instance, *names: str, code: int = 0) -> Result:
    command = [instance.interpreter(), "-m", "stock_ops", "secrets", "rotate", *names]
    done = instance.run_command([*command, "--data", f"{instance.data}", "--json"])
    assert done.code == code, done.out + done.err
    return done


def with_keys(instance: Instance, count: int) -> list[str]:
    """The instance started, and asking for API keys; so many keys."""
    instance.layout.overrides.write_text('require_api_key = "always"\nrate_limit_per_minute = 0\n')
    instance.up()
    return [create_key(instance) for _ in range(count)]


def create_key(instance: Instance) -> str:
    command = [f"{PROGRAM}", "keys", "create", "test", "--config", f"{instance.layout.platform_config}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def begin_session(url: str, token: str) -> str:
    answer = httpx.post(f"{url}/api/v1/session", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 204, answer.text
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    return str(cookie.partition(";")[0])


def status(url: str, *, token: str = "", cookie: str = "") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {"Cookie": cookie}
    return httpx.get(f"{url}/api/v1/stocks", headers=headers, timeout=30).status_code


def known(instance: Instance) -> dict[str, str]:
    found = json.loads(instance.layout.secrets.read_text())
    assert found.pop("changing") == {}
    return {name: found[field] for name, field in FIELDS.items()}


def opens(instance: Instance, name: str, password: str) -> bool:
    """Whether a server lets somebody in with this password."""
    ports = json.loads(instance.layout.memory.read_text())["ports"]
    if name == VALKEY:
        return ask_valkey("127.0.0.1", ports["valkey"], password).ok

    async def sign_in() -> bool:
        try:
            connection = await asyncpg.connect(
                host="127.0.0.1",
                port=ports["postgresql"],
                user=name,
                password=password,
                database="stock_analysis",
            )
        except asyncpg.InvalidPasswordError:
            return False
        await connection.close()
        return True

    return asyncio.run(sign_in())


@pytest.mark.timeout(600)
def test_every_secret_is_changed_under_load_and_no_request_fails(used: Instance) -> None:
    tokens = with_keys(used, 4)
    url, config = f"http://127.0.0.1:{used.port}", used.layout.platform_config
    cookie = begin_session(url, tokens[0])
    before, traffic = known(used), Traffic()
    senders = [
        requests_by_key(url, tokens),
        requests_by_session(url, cookie),
        *(connections(config, role) for role in Role),
        valkey_connections(config),
    ]
    with traffic.running(*senders):
        out = rotate(used, "all", PEPPER).out
        out += rotate(used, PEPPER).out
        rotate(used, VALKEY)
        late = create_key(used)
    after = known(used)

    print(f"rotation: {dict(traffic.outcomes)}")  # noqa: T201 - shown by -rP: a figure of the report
    failed = {what: count for what, count in traffic.outcomes.items() if ": " in what}
    assert failed == {}
    assert len(traffic.outcomes) == len(senders)
    assert min(traffic.outcomes.values()) > 5
    assert not [name for name in BY_NAME if before[name] == after[name]]
    assert not [value for value in (*before.values(), *after.values()) if value and value in out]
    for name in PASSWORDS:
        assert opens(used, name, after[name]), name
        assert not opens(used, name, before[name]), name
    assert status(url, token=late) == 200
    assert (
        used.sql("SELECT count(DISTINCT pepper), count(*) FILTER (WHERE pepper IS NULL) FROM api_key")
        == "1|0"
    )
    assert used.run("up", "--json").json["changed"] is False

    used.down()
    used.up()
    for token in (*tokens, late):
        assert (
            httpx.get(f"{url}/api/v1/stocks", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        )
    assert status(url, cookie=cookie) == 200
    command = [used.interpreter(), "-m", "stock_ops", "secrets", "rotate", SESSION_KEY, "--end-sessions"]
    assert used.run_command([*command, "--data", f"{used.data}"]).code == 0
    assert status(url, cookie=cookie) == 401


@pytest.mark.fault
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "names", [(SUPERUSER, "stock_reader", SESSION_KEY), ("stock_backup", VALKEY, PEPPER)], ids=", ".join
)
def test_changes_that_are_killed_before_any_step_are_finished_by_up(
    used: Instance, names: tuple[str, ...]
) -> None:
    """Each change is killed at each step; one `up` finishes all that were killed at the same."""
    (token,) = with_keys(used, 1)
    url = f"http://127.0.0.1:{used.port}"
    for step in range(1, STEPS):
        before = known(used)
        for name in names:
            killed = used.run_module(killed_rotate, used.data, name, step)
            assert len(killed.out.splitlines()) == step, name
            assert status(url, token=token) == 200, name
        if step in (2, 4):
            used.down()  # the servers start with what was written by then
        used.up()
        after = known(used)
        for name in names:
            assert after[name] != before[name], name
            if name in PASSWORDS:
                assert opens(used, name, after[name]), name
                assert not opens(used, name, before[name]), name
        assert status(url, token=token) == 200
        assert used.run("up", "--json").json["changed"] is False


def test_a_secret_that_is_not_there_and_a_platform_that_does_not_run_are_said(used_stub: Instance) -> None:
    error = rotate(used_stub, "nothing", code=2).error
    assert (error["kind"], error["todo"]) == (
        "UnknownSecretError",
        "Their names: stockops secrets show-names",
    )
    error = rotate(used_stub, VALKEY, code=1).error
    assert error["todo"] == f"Start it: stockops up --data {used_stub.data}"


def test_the_files_of_the_secrets_are_for_their_owner_alone(used_stub: Instance) -> None:
    used_stub.up()
    rotate(used_stub, VALKEY, SESSION_KEY)
    for path in (
        *used_stub.layout.passwords.iterdir(),
        used_stub.layout.secrets,
        used_stub.layout.valkey_config,
    ):
        assert path.stat().st_mode & 0o777 == 0o600, path
    secrets = [value for value in known(used_stub).values() if value]
    settings = Path(used_stub.layout.platform_config).read_text()
    assert not [value for value in secrets if value in settings]
