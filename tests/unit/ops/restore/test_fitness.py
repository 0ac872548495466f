"""What does not fit is refused before anything is touched; what a bare machine lacks is made."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stock_ops.kit.errors import (
    CorruptFileError,
    DiskFullError,
    FolderError,
    ForeignStorageError,
    LiveDataError,
    MissingProgramError,
    OpsError,
    UnfitError,
)
from stock_ops.kit.layout import Layout
from stock_ops.local.facts.folder import Mode
from stock_ops.local.facts.instance import Cluster, Unreadable, read_system_identifier
from stock_ops.local.facts.observe import Facts
from stock_ops.local.facts.processes import Leftover
from stock_ops.local.plans.steps import CopyProgram, MakeFolders
from stock_ops.restore.facts.fitness import Here, extension_versions
from stock_ops.restore.plans.fitness import (
    plan_preparations,
    refuse_live,
    refuse_storage,
    refuse_target,
    refuse_unfit,
)
from stock_ops.restore.plans.recovery import Request, choose
from tests.unit.ops.builders import LAYOUT, as_root, fresh, running, stopped
from tests.unit.ops.restore.test_recovery import ALL, FULL, NOW

HERE = Here("7", 4, {"plpgsql": frozenset({"1.0"})}, free_bytes=2**40, used_bytes=0)


def refused(kind: type[OpsError], facts: Facts, refuse: Callable[[Facts], None] = refuse_target) -> str:
    with pytest.raises(kind) as caught:
        refuse(facts)
    return f"{caught.value.why} {caught.value.todo}"


@pytest.mark.parametrize("facts", [fresh(), stopped(), as_root(fresh())])
def test_a_bare_folder_and_a_stopped_one_can_be_restored_into(facts: Facts) -> None:
    refuse_target(facts)
    refuse_live(facts)


def test_data_in_use_are_named_with_the_way_to_stop_it() -> None:
    assert "stockops down" in refused(LiveDataError, running(), refuse_live)
    left = replace(stopped(), leftovers=(Leftover("valkey", 4),))
    assert "valkey" in refused(LiveDataError, left, refuse_live)
    foreign = Cluster(18, unfinished=False, postmaster_pid=9, postmaster_name="postgres")
    assert "kill -INT 9" in refused(LiveDataError, replace(stopped(), cluster=foreign), refuse_live)


def test_a_cluster_that_nobody_can_read_is_no_obstacle() -> None:
    """A restore is what heals it; it is kept."""
    refuse_target(replace(stopped(), cluster=Unreadable(LAYOUT.postgresql / "PG_VERSION", "nonsense")))
    refuse_target(replace(stopped(), cluster=Cluster(17, unfinished=False)))


def test_what_the_restore_needs_is_asked_for() -> None:
    secrets = Unreadable(LAYOUT.secrets, "nonsense")
    assert "sets new passwords" in refused(CorruptFileError, replace(stopped(), secrets=secrets))
    programs = replace(stopped().programs, postgresql=None)
    assert "make up" in refused(MissingProgramError, replace(stopped(), programs=programs))
    assert "useradd" in refused(FolderError, replace(as_root(stopped()), service=None))


def test_backups_of_another_cluster_are_refused_where_there_is_one() -> None:
    refuse_storage(ALL, HERE)
    refuse_storage(ALL, replace(HERE, system_identifier=None))
    with pytest.raises(ForeignStorageError, match="another database cluster"):
        refuse_storage(ALL, replace(HERE, system_identifier="8"))
    mixed = replace(ALL, backups=(*ALL.backups, replace(FULL, system_identifier="8")))
    with pytest.raises(ForeignStorageError, match="more than one"):
        refuse_storage(mixed, HERE)


def test_a_storage_that_lost_its_owner_is_told_by_its_backups() -> None:
    ownerless = replace(ALL, system_identifier="")
    refuse_storage(ownerless, HERE)
    with pytest.raises(ForeignStorageError, match="another database cluster"):
        refuse_storage(ownerless, replace(HERE, system_identifier="8"))


@pytest.mark.parametrize(
    ("here", "backup", "kind", "told"),
    [
        (HERE, {"postgresql": "17.2"}, UnfitError, "PostgreSQL 17.2"),
        (replace(HERE, schema_version=3), {}, UnfitError, "knows 3"),
        (HERE, {"extensions": {"plpgsql": "2.0"}}, UnfitError, r"plpgsql 2.0.*there are 1.0"),
        (HERE, {"extensions": {"timescaledb": "2.23.0"}}, UnfitError, "there is none"),
        (replace(HERE, free_bytes=2**20), {}, DiskFullError, "1 MiB free"),
    ],
)
def test_a_backup_that_cannot_run_here_is_refused(
    here: Here, backup: dict[str, object], kind: type[OpsError], told: str
) -> None:
    changed = replace(FULL, **backup)  # type: ignore[arg-type]  # the names are fields
    choice = choose(replace(ALL, backups=(changed,)), Request(), NOW)
    with pytest.raises(kind, match=told):
        refuse_unfit(choice, here, stopped())


def test_one_that_fits_is_not_refused_and_room_that_is_used_already_counts() -> None:
    choice = choose(ALL, Request(), NOW)
    refuse_unfit(choice, HERE, stopped())
    refuse_unfit(choice, replace(HERE, schema_version=None), stopped())
    refuse_unfit(choice, replace(HERE, free_bytes=0, used_bytes=choice.need_bytes), stopped())


def test_a_cluster_on_a_disk_of_its_own_cannot_change_places(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.postgresql.symlink_to(tmp_path / "other-disk")
    with pytest.raises(FolderError, match="disk of its own"):
        refuse_unfit(choose(ALL, Request(), NOW), HERE, replace(stopped(), layout=layout))


def test_a_bare_machine_gets_folders_and_programs() -> None:
    folders, *copies = plan_preparations(as_root(fresh()))
    assert isinstance(folders, MakeFolders)
    assert [folder.path for folder in folders.folders] == [LAYOUT.root, LAYOUT.programs, LAYOUT.backup]
    assert {folder.mode for folder in folders.folders} == {0o711}
    assert [type(step) for step in copies] == [CopyProgram, CopyProgram]
    assert [type(step) for step in plan_preparations(fresh())] == [MakeFolders]


def test_a_folder_that_was_started_before_needs_nothing() -> None:
    facts = as_root(stopped(as_root(fresh())))
    modes = dict.fromkeys(facts.folder.modes, Mode(0o711, 0)) | {LAYOUT.root: Mode(0o711, 0)}
    assert plan_preparations(replace(facts, folder=replace(facts.folder, modes=modes))) == ()
    closed = replace(facts.folder, modes=modes, closed_to_service=LAYOUT.root)
    (folders,) = plan_preparations(replace(facts, folder=closed))
    assert isinstance(folders, MakeFolders)
    assert [folder.path for folder in folders.folders] == [LAYOUT.root]


def test_versions_of_extensions_are_those_that_their_scripts_lead_to() -> None:
    scripts = ("amcheck--1.0.sql", "./amcheck--1.0--1.1.sql", "timescaledb--2.22.0--2.23.0-dev.sql")
    assert extension_versions(scripts) == {
        "amcheck": frozenset({"1.0", "1.1"}),
        "timescaledb": frozenset({"2.23.0-dev"}),
    }


def test_whose_cluster_it_is_stands_in_its_control_file(tmp_path: Path) -> None:
    assert read_system_identifier(tmp_path) is None
    (tmp_path / "global").mkdir()
    (tmp_path / "global" / "pg_control").write_bytes(
        (7_123_456_789_012_345_678).to_bytes(8, "little") + b"more"
    )
    assert read_system_identifier(tmp_path) == "7123456789012345678"
    (tmp_path / "global" / "pg_control").write_bytes(b"abc")
    assert read_system_identifier(tmp_path) is None
