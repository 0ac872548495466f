"""One verdict for everybody: the worst finding counts, wherever it is shown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stock_ops.backup.plans.shrinkage import lost_rows, shrunk
from stock_ops.kit import runbooks
from stock_ops.kit.typed import Named
from stock_ops.kit.verdict import KINDS, PART_DOWN, Kind, finding, judge, read_findings
from stock_ops.local.facts.disk import Disk
from stock_ops.local.facts.local_state import LocalState, PartTrouble
from stock_ops.local.facts.structure import Structure
from stock_ops.local.plans.findings import (
    LOCAL_KINDS,
    disk_filling,
    disk_full,
    missing_pieces,
    verdict_of,
    with_trend,
)
from stock_ops.storage.manifest import TableContent
from stock_ops.watch.plans.metrics import render_metrics
from stock_ops.watch.plans.overview import overview
from stock_ops.watch.plans.trend import Sample, full_in
from tests.unit.ops.standings import GIB, SECOND, calm, disk, drill, with_archive, with_rows, wrong

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def states(metrics: bytes) -> dict[str, float]:
    families = {one.name: one for one in text_string_to_metric_families(metrics.decode())}
    return {sample.labels["state"]: sample.value for sample in families["stock_verdict"].samples}


def test_everything_works_never_stands_above_a_red_drill_or_a_lag() -> None:
    red = replace(calm(NOW), drills=(drill(NOW - timedelta(hours=1), "failed"),))
    late = with_archive(calm(NOW), lag_s=20 * 60.0)
    for standing, state in ((red, "critical"), (late, "warning"), (calm(NOW), "ok")):
        body = overview(standing, NOW)
        assert body["verdict"]["state"] == state
        assert (body["verdict"]["headline"] == "everything works") == (state == "ok")
        assert states(render_metrics(body)) == {
            one: float(one == state) for one in ("ok", "warning", "critical")
        }


@pytest.mark.parametrize("kind", KINDS)
def test_each_line_names_its_runbook_which_the_terminal_prints(kind: Kind) -> None:
    (found,) = overview(wrong(kind, NOW), NOW)["verdict"]["findings"]
    assert found["runbook"] == f"stockops runbook {kind}"
    assert runbooks.read(kind)
    (line,) = judge([finding(kind, "Why.", "Todo.")]).lines()[1:]
    assert line[1].endswith(f"Runbook: `stockops runbook {kind}`")


def test_commands_of_another_folder_are_complete_on_the_page() -> None:
    standing = replace(wrong("backup-overdue", NOW), named=Named({"--data": "/srv/x"}))
    (found,) = overview(standing, NOW)["verdict"]["findings"]
    assert found["runbook"] == "stockops runbook --data /srv/x backup-overdue"
    assert "stockops backup create --data /srv/x" in found["todo"]


def test_what_is_looked_at_anew_takes_the_place_of_what_the_part_knew() -> None:
    told = overview(wrong("disk-full", NOW), NOW)["verdict"]
    assert verdict_of(told, LocalState(), wants_part=True).findings == ()
    now = LocalState(troubles=(PartTrouble("postgresql", "failed: killed"),))
    assert [one.kind for one in verdict_of(told, now, wants_part=True).findings] == ["part-down"]
    other = overview(wrong("drill-failed", NOW), NOW)["verdict"]
    assert [one.kind for one in verdict_of(other, LocalState(), wants_part=True).findings] == ["drill-failed"]


def test_a_silent_part_is_critical_where_it_should_run() -> None:
    assert [one.kind for one in verdict_of(None, LocalState(), wants_part=True).findings] == [PART_DOWN]
    assert verdict_of(None, LocalState(), wants_part=False).findings == ()


def test_a_verdict_survives_its_json() -> None:
    verdict = judge([finding(kind, f"{kind}.", "Todo.") for kind in KINDS])
    assert judge(read_findings(verdict.body())) == verdict
    assert [one.severity for one in verdict.findings] == sorted(
        (one.severity for one in verdict.findings), key=["critical", "warning", "info"].index
    )
    assert set(KINDS) >= LOCAL_KINDS


# --- disks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (disk(0.5), None),
        (disk(0.0999), "filling"),
        (disk(0.0399), "full"),
        (replace(disk(0.5), free_inodes=99_999), "filling"),
        (replace(disk(0.5), free_inodes=39_999), "full"),
        (replace(disk(0.5), free_inodes=0, total_inodes=0), None),
        (Disk("/d", 300 * GIB, 4000 * GIB, 1, 1), None),
        (Disk("/d", 19 * GIB, 4000 * GIB, 1, 1), "filling"),
        (Disk("/d", 3 * GIB, 4000 * GIB, 1, 1), "full"),
        (Disk("/d", 95 * 2**20, 300 * 2**20, 1, 1), "full"),
        (replace(disk(0.5), full_in_s=23 * 3600.0, seen_s=3600.0), "filling"),
        (replace(disk(0.5), full_in_s=23 * 3600.0, seen_s=3599.0), None),
        (replace(disk(0.5), full_in_s=3599.0, seen_s=600.0), "full"),
        (replace(disk(0.5), full_in_s=3599.0, seen_s=60.0), None),
    ],
)
def test_a_disk_warns_at_two_thresholds_in_bytes_inodes_and_time(one: Disk, kind: str | None) -> None:
    found = {"full": disk_full([one]), "filling": disk_filling([one])}
    assert [name for name, told in found.items() if told] == ([kind] if kind else [])


def test_how_long_it_lasts_is_told() -> None:
    told = disk_filling([replace(disk(0.09), full_in_s=7500.0, seen_s=900.0)])
    assert told is not None
    assert "it is full in 2 h 5 min" in told[0]


def test_postgresql_s_own_last_line_is_the_reason() -> None:
    line = 'PANIC: could not write to file "pg_wal/xlogtemp.7": No space left on device'
    told = disk_full([], [PartTrouble("postgresql", f"failed: {line}")])
    assert told is not None
    assert line in told[0]


def test_time_to_full_is_the_line_from_the_first_to_the_last_look() -> None:
    samples = [Sample(0.0, 1000, 100), Sample(10.0, 950, 100), Sample(20.0, 900, 100)]
    assert full_in(samples) == pytest.approx(180.0)
    assert full_in([Sample(0.0, 1000, 100), Sample(20.0, 1000, 50)]) == pytest.approx(20.0)
    assert full_in([Sample(0.0, 900, 100), Sample(20.0, 1000, 100)]) is None
    assert full_in(samples[:1]) is None


def test_a_fresh_look_keeps_the_trend_that_was_watched() -> None:
    watched = replace(disk(0.5), full_in_s=60.0, seen_s=900.0)
    (found,) = with_trend([disk(0.4)], [watched])
    assert (found.free_bytes, found.full_in_s, found.seen_s) == (disk(0.4).free_bytes, 60.0, 900.0)


# --- structure ----------------------------------------------------------------------------------

DESIGN = Structure(
    8,
    frozenset(
        {
            "table public.bar",
            "table public.exchange",
            "table public.instrument",
            "column public.bar.open double precision not null",
            "column public.instrument.id integer not null",
            "constraint bar_pkey of public.bar: PRIMARY KEY (id)",
            "index CREATE INDEX bar_at ON public.bar USING btree (at)",
        }
    ),
)


def test_a_dropped_table_is_one_piece() -> None:
    live = replace(DESIGN, pieces=frozenset(one for one in DESIGN.pieces if "public.bar" not in one))
    assert missing_pieces(live, DESIGN) == ["table public.bar"]


@pytest.mark.parametrize("piece", sorted(one for one in DESIGN.pieces if not one.startswith("table")))
def test_any_dropped_or_changed_piece_is_named(piece: str) -> None:
    live = replace(DESIGN, pieces=DESIGN.pieces - {piece} | {f"{piece} changed"})
    assert missing_pieces(live, DESIGN) == [piece]


def test_what_was_added_is_nobodys_business() -> None:
    assert missing_pieces(replace(DESIGN, pieces=DESIGN.pieces | {"table public.mine"}), DESIGN) == []


def test_other_migrations_are_not_compared() -> None:
    assert missing_pieces(Structure(7, frozenset()), DESIGN) == []
    assert missing_pieces(Structure(0, frozenset()), DESIGN) == []
    assert missing_pieces(None, DESIGN) == []
    assert missing_pieces(DESIGN, None) == []


def test_the_record_of_the_migrations_itself_may_be_what_is_gone() -> None:
    live = Structure(0, DESIGN.pieces - {"table public.exchange"})
    assert missing_pieces(live, DESIGN) == ["table public.exchange"]


# --- rows ---------------------------------------------------------------------------------------


def content(**rows: int) -> tuple[TableContent, ...]:
    return tuple(TableContent(f"public.{name}", count, "0") for name, count in rows.items())


def test_tables_that_vanish_or_lose_more_than_half_are_named() -> None:
    assert lost_rows([content(a=10, b=10, c=10, d=0)], content(a=5, b=4, e=1)) == [
        "public.b has 4 of 10 rows",
        "public.c is gone with its 10 rows",
    ]


def test_the_chunks_of_a_hypertable_count_together() -> None:
    def chunks(**rows: int) -> tuple[TableContent, ...]:
        return tuple(TableContent(f"_timescaledb_internal.{name}", n, "0") for name, n in rows.items())

    before = chunks(_hyper_1_1_chunk=10, _hyper_1_2_chunk=10, _hyper_2_3_chunk=10)
    assert lost_rows([before], chunks(_hyper_1_2_chunk=10, _hyper_1_9_chunk=5, _hyper_2_3_chunk=10)) == []
    assert lost_rows([before], chunks(_hyper_1_2_chunk=9, _hyper_2_3_chunk=10)) == [
        "hypertable 1 has 9 of 20 rows"
    ]


def test_a_loss_is_told_for_a_week_unless_the_rows_come_back() -> None:
    standing = with_rows(calm(NOW), before=1000, after=10)
    assert standing.contents is not None
    backups = standing.contents.archive.backups
    assert shrunk(backups, NOW) == ["public.bar_1d has 10 of 1,000 rows"]
    assert shrunk(backups, NOW + 5 * DAY) == ["public.bar_1d has 10 of 1,000 rows"]
    assert shrunk(backups, backups[-2].mark.at + 7 * DAY + SECOND) == []
    migrated = replace(backups[-1], schema_version=backups[-1].schema_version + 1)
    assert shrunk([*backups[:-1], migrated], NOW) == []
