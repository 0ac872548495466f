"""A prune beside a running instance, of backups that were really made; what stays brings everything back."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from stock_ops.restore.plans.recovery import Request
from stock_ops.storage.folder import FolderStorage
from stock_ops.storage.manifest import Manifest, load_manifest
from stock_ops.storage.objects import manifest_of, segment_of
from stock_ops.storage.wal import runs
from tests.integration.ops.archived import wait_until_shipped
from tests.integration.ops.backed_up import ADD, LEDGER, BackedUp, made, read_ledger, verb
from tests.integration.ops.insider import rewrite
from tests.integration.ops.instance import Instance

RULES = "keep_days = 1\nkeep_full = 1\n"


@dataclass
class Live:
    """An instance, its old chain, and its young one."""

    instance: Instance
    old: tuple[str, ...]
    young: tuple[str, ...]

    def names(self) -> set[str]:
        return {one.name for one in FolderStorage(self.instance.backups).list()}

    def left(self) -> list[str]:
        """The backups that are still there."""
        return [backup for backup in (*self.old, *self.young) if manifest_of(backup) in self.names()]


@pytest.fixture
def live(base: Path) -> Iterator[Live]:
    instance = Instance(base / "data", stub=True)
    instance.layout.config.mkdir(parents=True)
    instance.data.chmod(0o711)
    instance.layout.backup_settings.write_text(RULES)
    instance.up()
    instance.sql(LEDGER)
    instance.sql(ADD.format(300))
    old = [made(verb(instance, "backup", "create"))]
    verb(instance, "backup", "mark", "old")
    instance.sql(ADD.format(200))
    old.append(made(verb(instance, "backup", "create")))
    instance.sql("DELETE FROM ledger WHERE id % 7 = 0")
    young = [made(verb(instance, "backup", "create", "--full"))]
    verb(instance, "backup", "mark", "young")
    instance.sql(ADD.format(100))
    young.append(made(verb(instance, "backup", "create")))
    yield Live(instance, tuple(old), tuple(young))
    instance.remove()


def make_old(instance: Instance, backup: str, days: int) -> None:
    """As if it had been made so many days ago, by both clocks."""

    def earlier(manifest: Manifest) -> Manifest:
        by = timedelta(days=days)
        mark = replace(manifest.mark, at=manifest.mark.at - by)
        return replace(manifest, mark=mark, started_at=manifest.started_at - by)

    path = instance.backups / manifest_of(backup)
    before = path.stat().st_mtime - days * 86_400
    rewrite(instance.backups, backup, earlier, BackedUp(instance).key)
    os.utime(path, (before, before))


@pytest.mark.timeout(900)
def test_the_last_verified_chain_stays_however_old_until_a_newer_one_is_verified_and_what_stays_comes_back(
    live: Live, base: Path
) -> None:
    """The instance prunes, too, when it is time: what is left tells, not what our own prune deleted."""
    instance, source = live.instance, BackedUp(live.instance)
    verb(instance, "backup", "verify", live.old[1])
    before = live.names()
    for days, backup in ((9, live.old[0]), (8, live.old[1])):
        make_old(instance, backup, days)
    assert verb(instance, "backup", "prune", "--yes")["deleted"] == []
    assert live.left() == [*live.old, *live.young]
    assert {name for name in before - live.names() if "partial" not in name} <= log_before(live, before)
    source.restore(target := source.target(base / "old", empty=True), Request(backup=live.old[1]))
    assert len(source.rows(target.postgresql)) == 500

    before = live.names()
    verb(instance, "backup", "verify", live.young[0])
    told = verb(instance, "backup", "prune", "--yes")
    assert live.left() == [one["backup"] for one in told["kept"]] == list(live.young)
    gone = before - live.names()
    assert "marks/old.json" in gone
    assert "marks/young.json" in live.names()
    assert any(segment_of(name) for name in gone)

    instance.sql(ADD.format(50))
    wait_until_shipped(instance)
    rows = read_ledger(instance)
    assert made(verb(instance, "backup", "create")).endswith("-incr")
    found = [one for name in live.names() if (one := segment_of(name))]
    assert len(runs(segment for segment, _ in found)) == 1
    source.restore(target := source.target(base / "young", empty=True))
    assert source.rows(target.postgresql) == rows


def log_before(live: Live, names: set[str]) -> set[str]:
    """The log from before the first backup."""
    first = load_manifest((live.instance.backups / manifest_of(live.old[0])).read_bytes()).first_segment
    return {name for name in names if (found := segment_of(name)) and found[0] < first}
