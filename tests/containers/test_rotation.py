"""Secrets are changed under the running stack: no request and no new connection fails."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from stock_ops.kit.errors import PartError
from stock_ops.kit.folder_rotation import FolderHolder, unfinished
from stock_ops.kit.report import JsonReport
from stock_ops.kit.rotating import change
from stock_ops.kit.secret_folder import read, values
from stock_ops.kit.secret_names import PEPPER, SESSION_KEY, VALKEY, files_of
from tests.containers.podman import run
from tests.containers.stack import SERVICES, Stack

Report = Callable[[str, str], None]
CHART = "/api/v1/stocks/AAPL/chart?interval=1d&from=2000-03-01&to=2000-03-10"
CHANGED = (
    "postgres",
    "stock_analysis",
    "stock_reader",
    "stock_writer",
    "stock_gateway",
    "stock_relay",
    "stock_sentiment",
    "stock_backup",
    VALKEY,
    SESSION_KEY,
    PEPPER,
)
WAYS = 2 + sum(1 + (VALKEY in files_of(service)) for service in SERVICES)
"""By key, by session, and from each service to its servers; the relay of compose does not use Valkey."""

CONNECTING = """
import asyncio, collections, json, pathlib, socket, time
from stock_analysis.kit.db import Role, connect
from stock_analysis.kit.settings import load_settings
from stock_analysis.kit.valkey import open_valkey

def address(name):
    until = time.monotonic() + 60
    while True:
        try:
            return socket.gethostbyname(name)
        except socket.gaierror:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)

settings = load_settings().settings
hosts = ["database_host", *(["valkey_host"] if settings.valkey_password_file else [])]
# Once: podman's name service answers late or not at all when it is asked some hundred times a second.
there = {name: address(getattr(settings, name)) for name in hosts}
settings = settings.model_copy(update={"valkey_timeout_s": 10.0} | there)

async def database():
    await (await connect(settings, Role.OWNER)).close()

async def valkey():
    async with open_valkey(settings) as shared:
        await shared.check()

async def main():
    found, over = collections.Counter(), pathlib.Path("/tmp/over")
    until = time.monotonic() + 240
    while sum(found.values()) < 20 or not over.exists() and time.monotonic() < until:
        for one in (database, valkey) if settings.valkey_password_file else (database,):
            try:
                await one()
                found[one.__name__] += 1
            except Exception as error:
                found[f"{one.__name__}: {type(error).__name__}: {error}"] += 1
        await asyncio.sleep(0.02)
    over.unlink(missing_ok=True)
    print(json.dumps(found))

asyncio.run(main())
"""
"""New connections by the settings, the role and the secrets of the container that it runs in."""


@pytest.fixture
def holder(stack: Stack) -> FolderHolder:
    def execute(service: str, command: str) -> None:
        done = run("podman", "exec", stack.container(service), *command.split(), check=False)
        if done.returncode != 0:
            raise PartError(done.stdout + done.stderr, "")

    return FolderHolder(stack.secrets, execute, lambda command: print(stack.run_platform(*command.split())))  # noqa: T201 - shown when it fails


class Load:
    """Requests by key and by session from outside, new connections to both servers from inside."""

    def __init__(self, stack: Stack) -> None:
        self.outcomes: Counter[str] = Counter()
        self._stack = stack
        self._over = threading.Event()
        answer = httpx.post(f"{stack.url}/api/v1/session", headers={"Authorization": f"Bearer {stack.key}"})
        self._cookie = str(answer.headers["set-cookie"]).partition(";")[0]

    def __enter__(self) -> "Load":
        ways = {"key": {"Authorization": f"Bearer {self._stack.key}"}, "session": {"Cookie": self._cookie}}
        self._threads = [threading.Thread(target=self._ask_on, args=one) for one in ways.items()]
        self._threads += [threading.Thread(target=self._connect_on, args=(one,)) for one in SERVICES]
        for thread in self._threads:
            thread.start()
        time.sleep(3)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(1)
        self._over.set()
        for service in SERVICES:
            self._stack.sh(service, "touch /tmp/over")
        for thread in self._threads:
            thread.join()

    def _ask_on(self, way: str, headers: dict[str, str]) -> None:
        while not self._over.is_set():
            try:
                status = httpx.get(self._stack.url + CHART, headers=headers, timeout=30).status_code
            except httpx.HTTPError as error:
                self.outcomes[f"{way}: {type(error).__name__}"] += 1
            else:
                self.outcomes[way if status == 200 else f"{way}: status {status}"] += 1

    def _connect_on(self, service: str) -> None:
        found = json.loads(self._stack.sh(service, f"python - <<'EOF'\n{CONNECTING}\nEOF"))
        self.outcomes.update({f"{service} {what}": count for what, count in found.items()})


def opens(stack: Stack, name: str, password: str) -> bool:
    """Whether PostgreSQL lets the role in with this password, from the network of the services."""
    script = f"PGPASSWORD={password} psql -h postgresql -U {name} -d stock_analysis -Atc 'SELECT 1'"
    return (
        run("podman", "exec", stack.container("postgresql"), "sh", "-c", script, check=False).returncode == 0
    )


def test_secrets_are_changed_under_load_and_no_request_fails(
    stack: Stack, holder: FolderHolder, report: Report
) -> None:
    before = values(stack.secrets)
    took: dict[str, float] = {}
    with Load(stack) as load:
        for name in CHANGED:
            started = time.monotonic()
            change(holder, name, JsonReport())
            took[name] = time.monotonic() - started
    report(
        "rotation", f"{dict(load.outcomes)}; seconds { ({name: round(s, 1) for name, s in took.items()}) }"
    )
    after = values(stack.secrets)
    assert {what: count for what, count in load.outcomes.items() if ": " in what} == {}
    assert len(load.outcomes) == WAYS
    assert min(load.outcomes.values()) > 5
    assert not [name for name in CHANGED if before[name][:1] == after[name][:1]]
    for name in ("postgres", "stock_reader"):
        assert opens(stack, name, after[name][0])
        assert not opens(stack, name, before[name][0])
    old = f"printf 'AUTH {before[VALKEY][0]}\\n' | valkey-cli"
    assert "WRONGPASS" in stack.sh("valkey", old)
    assert unfinished(stack.secrets) == []
    sealed = "SELECT count(*) FILTER (WHERE pepper IS NULL) FROM api_key"
    assert stack.sh("postgresql", f'psql -U postgres -d stock_analysis -Atc "{sealed}"').strip() == "0"


STEPS = ("begin", "offer", "teach", "settle", "withdraw", "finish")


@pytest.mark.parametrize("name", ["stock_reader", VALKEY])
def test_a_change_that_is_cut_off_after_any_step_goes_on_from_there(
    stack: Stack, holder: FolderHolder, name: str
) -> None:
    """Each step writes its files whole, so that what a killed process leaves is what is between two steps."""
    for last in range(1, len(STEPS)):
        for step in STEPS[:last]:
            if step == "begin":
                holder.begin(name, keep_old=True)
            else:
                getattr(holder, step)(name)
        begun = read(stack.secrets / name)
        assert stack.get(CHART).status_code == 200
        assert unfinished(stack.secrets) == [name]
        change(holder, name, JsonReport(), goes_on=True)
        assert read(stack.secrets / name) == begun[:1]
        assert unfinished(stack.secrets) == []
    assert stack.get(CHART).status_code == 200


def test_the_new_passwords_hold_after_a_restart_of_the_servers(stack: Stack, holder: FolderHolder) -> None:
    change(holder, VALKEY, JsonReport())
    for service in ("valkey", "postgresql"):
        run("podman", "restart", "-t", "30", stack.container(service))
    stack.wait("valkey", "postgresql", "stock", "gateway")
    with Load(stack) as load:
        pass
    assert {what: count for what, count in load.outcomes.items() if ": " in what} == {}
    assert len(load.outcomes) == WAYS
