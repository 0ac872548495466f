"""The overview of the backups as metrics in the text format of Prometheus. Pure.

What is not known has no series, so that no rule takes it for a zero.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stock_ops.archive.plans.spool import SPOOL_BYTES
from stock_ops.kit.verdict import KINDS

_STATES = ("ok", "warning", "critical")
_OUTCOMES = ("passed", "failed", "not_run")


def render_metrics(overview: dict[str, Any]) -> bytes:
    """The body of GET /metrics."""
    registry = CollectorRegistry()
    registry.register(_Families(overview))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, overview: dict[str, Any]) -> None:
        self._overview = overview

    def collect(self) -> Iterator[Metric]:
        for look in _LOOKS:
            yield from look(self._overview)


def _self(overview: dict[str, Any]) -> Iterator[Metric]:
    yield _gauge("observed_timestamp_seconds", "When all of this was looked at.", _epoch(overview["at"]))
    state = overview["verdict"]["state"]
    verdict = GaugeMetricFamily("stock_verdict", "The verdict: the label with the value 1.", labels=["state"])
    for word in _STATES:
        verdict.add_metric([word], int(state == word))
    yield verdict


def _disks(overview: dict[str, Any]) -> Iterator[Metric]:
    for what, told in (("bytes", "Bytes"), ("inodes", "Inodes")):
        free = GaugeMetricFamily(f"stock_disk_free_{what}", f"{told} that are left.", labels=["folder"])
        total = GaugeMetricFamily(f"stock_disk_size_{what}", f"{told} in all.", labels=["folder"])
        for disk in overview["disks"]:
            free.add_metric([disk["folder"]], disk[f"free_{what}"])
            total.add_metric([disk["folder"]], disk[f"total_{what}"])
        yield from (free, total)
    left = GaugeMetricFamily(
        "stock_disk_full_in_seconds", "Until it is full, as it fills.", labels=["folder"]
    )
    for disk in overview["disks"]:
        if disk["full_in_s"] is not None:
            left.add_metric([disk["folder"]], disk["full_in_s"])
    yield left


def _backups(overview: dict[str, Any]) -> Iterator[Metric]:
    last = sorted({backup["kind"]: backup for backup in overview["backups"]}.items())
    ends = ((kind, _moment(backup["finished_at"])) for kind, backup in last)
    yield _by("kind", "last_success_timestamp_seconds", "End of the last backup.", ends)
    took = ((kind, backup["duration_s"]) for kind, backup in last)
    yield _by("kind", "last_duration_seconds", "Time that its base backup took.", took)
    sizes = ((kind, backup["size_bytes"]) for kind, backup in last)
    yield _by("kind", "last_size_bytes", "Its size in the storage.", sizes)
    told = "Number of backups that can be restored."
    yield _gauge("restorable", told, _if_looked_at(overview, len(overview["backups"])))
    verified = [_moment(backup["verified_at"]) for backup in overview["backups"] if backup["verified_at"]]
    told = "When a backup was last read back or restored, and found whole."
    yield _gauge("last_verified_timestamp_seconds", told, max(verified, default=None))


def _archive(overview: dict[str, Any]) -> Iterator[Metric]:
    archive = overview["archive"]
    told = "Whether write-ahead log is received from the server."
    yield _gauge("archive_streaming", told, int(archive["streaming"]))
    told = "Age of the oldest write-ahead log that has not been archived yet."
    yield _gauge("archive_lag_seconds", told, archive["lag_s"])
    told = "Failures to ship write-ahead log since the part began."
    failures = CounterMetricFamily("stock_backup_archive_failures", told)
    failures.add_metric([], archive["failures"])
    yield failures
    told = "Write-ahead log received and not shipped."
    yield _gauge("archive_spool_bytes", told, archive["spool_bytes"])
    yield _gauge("archive_spool_limit_bytes", "Limit at which receiving pauses.", SPOOL_BYTES)
    told = "Write-ahead log that the server keeps until it is received."
    yield _gauge("archive_slot_retained_bytes", told, archive["slot_retained_bytes"])
    told = "Limit of that log; beyond it the chain of backups breaks."
    yield _gauge("archive_slot_limit_bytes", told, archive["slot_limit_bytes"])


def _storage(overview: dict[str, Any]) -> Iterator[Metric]:
    storage = overview["storage"]
    yield _gauge("storage_used_bytes", "Bytes of backups and write-ahead log.", storage["used_bytes"])
    yield _gauge("storage_free_bytes", "Room that is left.", storage["free_bytes"])


def _recoverable(overview: dict[str, Any]) -> Iterator[Metric]:
    wal = overview["wal"]
    told = "The first point in time that can be restored."
    yield _gauge("recoverable_first_timestamp_seconds", told, _epoch(wal["first_point"]))
    told = "The last point in time that can be restored."
    yield _gauge("recoverable_last_timestamp_seconds", told, _epoch(wal["last_point"]))
    told = "Times between that no restore reaches."
    yield _gauge("recoverable_gaps", told, _if_looked_at(overview, len(wal["gaps"])))


def _copies(overview: dict[str, Any]) -> Iterator[Metric]:
    copies = overview["copies"]

    def each(name: str) -> Iterator[tuple[str, float]]:
        return ((one["name"], one[name]) for one in copies if one[name] is not None)

    def times(name: str) -> Iterator[tuple[str, float]]:
        return ((one["name"], _moment(one[name])) for one in copies if one[name] is not None)

    up = ((one["name"], int(one["trouble"] is None)) for one in copies)
    yield _by("copy", "copy_up", "Whether the copy of the storage could be written to.", up)
    told = "Age of the oldest write-ahead log that is not in the copy."
    yield _by("copy", "copy_lag_seconds", told, each("lag_s"))
    told = "Number of backups in the copy that can be restored."
    yield _by("copy", "copy_restorable", told, each("backups"))
    told = "End of the newest backup in the copy."
    yield _by("copy", "copy_last_success_timestamp_seconds", told, times("newest_at"))
    told = "When a backup in the copy was last found whole."
    yield _by("copy", "copy_last_verified_timestamp_seconds", told, times("verified_at"))
    told = "Bytes that the copy lacked when it was compared last."
    yield _by("copy", "copy_pending_bytes", told, each("pending_bytes"))
    yield _by("copy", "copy_used_bytes", "Bytes of backups and log in the copy.", each("used_bytes"))


def _drills(overview: dict[str, Any]) -> Iterator[Metric]:
    last = overview["drills"][-1] if overview["drills"] else None
    passed = [_moment(one["started_at"]) for one in overview["drills"] if one["outcome"] == "passed"]
    told = "Start of the last drill."
    yield _gauge("drill_last_timestamp_seconds", told, last and _epoch(last["started_at"]))
    told = "Start of the last drill that passed."
    yield _gauge("drill_last_passed_timestamp_seconds", told, max(passed, default=None))
    outcomes = ((word, int(last["outcome"] == word)) for word in _OUTCOMES) if last else ()
    yield _by(
        "outcome", "drill_last_outcome", "Outcome of the last drill: the label with the value 1.", outcomes
    )
    told = "Age of the newest row that the last drill recovered."
    yield _gauge("drill_last_rpo_seconds", told, last and last["rpo_s"])
    told = "From the start of its restore to the first correct answer."
    yield _gauge("drill_last_rto_seconds", told, last and last["rto_s"])


def _schedule(overview: dict[str, Any]) -> Iterator[Metric]:
    for task in ("backup", "drill"):
        at = _epoch(overview["schedule"][f"next_{task}_at"])
        yield _gauge(f"next_{task}_timestamp_seconds", f"When the next {task} is due.", at)


def _warnings(overview: dict[str, Any]) -> Iterator[Metric]:
    present = {warning["kind"] for warning in overview["warnings"]}
    told = "1 while the warning is active; its runbook: stockops runbook KIND."
    yield _by("kind", "warning", told, ((kind, int(kind in present)) for kind in KINDS))


def _if_looked_at(overview: dict[str, Any], count: int) -> int | None:
    """A count of objects in the storage; absent before the first look at it."""
    return None if overview["storage"]["used_bytes"] is None else count


def _gauge(name: str, told: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(f"stock_backup_{name}", told)
    if value is not None:
        family.add_metric([], value)
    return family


def _by(label: str, name: str, told: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"stock_backup_{name}", told, labels=[label])
    for value_of_label, value in values:
        family.add_metric([value_of_label], value)
    return family


def _epoch(at: str | None) -> float | None:
    return _moment(at) if at else None


def _moment(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


_LOOKS = (_self, _disks, _backups, _archive, _storage, _recoverable, _copies, _drills, _schedule, _warnings)
