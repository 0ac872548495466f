"""The alert rules: valid, tested, each with its runbook, and in agreement with what the page warns of."""

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Gauge

from stock_analysis.ingest.live import pipeline, sources
from stock_analysis.kit import consumers as kit_consumers
from stock_analysis.relay import service as relay_service
from stock_ops.kit.verdict import KINDS
from stock_ops.watch.plans.metrics import render_metrics
from stock_ops.watch.plans.overview import overview
from tests.integration.monitoring.prometheus import RULES, Prometheus
from tests.unit.ops.standings import NEARLY, WRONG, all_wrong, calm, wrong

ALERT_OF: dict[str, str] = {kind: "".join(word.capitalize() for word in kind.split("-")) for kind in KINDS}


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program, "promtool is not on the PATH: run `make test`, which installs it"
    return subprocess.run([program, *words], cwd=RULES.parent, capture_output=True, text=True, check=False)


def test_the_rules_are_valid() -> None:
    checked = promtool("check", "rules", RULES.name)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(KINDS) + 1} rules found" in checked.stdout


@pytest.mark.parametrize("name", ["backups", "platform"])
def test_the_unit_tests_of_the_rules_pass(name: str) -> None:
    tested = promtool("test", "rules", f"{name}.test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("name", ["backups", "platform"])
def test_the_unit_tests_leave_no_alert_out(name: str) -> None:
    rules, tests = (RULES.parent / f"{name}.{ending}" for ending in ("yml", "test.yml"))
    tested = set(re.findall(r"alertname: (\w+)", tests.read_text()))
    fired = set(re.findall(r"alertname: (\w+)\n +exp_alerts", tests.read_text()))
    assert tested == fired == set(re.findall(r"alert: (\w+)", rules.read_text()))


def test_what_the_platforms_rules_ask_for_is_measured() -> None:
    asked = set(re.findall(r"\b(?:events|live)_\w+(?=[{)\[])", (RULES.parent / "platform.yml").read_text()))
    families = (relay_service, kit_consumers, pipeline, sources)
    measured = {
        one._name for module in families for one in vars(module).values() if isinstance(one, Gauge | Counter)
    }
    assert asked
    assert asked <= measured


def test_the_metrics_follow_the_conventions_of_prometheus() -> None:
    program = shutil.which("promtool")
    assert program
    text = render_metrics(overview(all_wrong(datetime.now(UTC)), datetime.now(UTC)))
    linted = subprocess.run([program, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, b"")


@dataclass(frozen=True, slots=True)
class Answers:
    """What the part answers in each state, and on which address."""

    overviews: dict[str, dict[str, Any]]
    address: str


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    """GET /STATE/metrics: every single thing wrong, everything at once, and all that is just right."""
    now = datetime.now(UTC)
    states = {"calm": calm(now), "all-wrong": all_wrong(now)}
    states |= {f"wrong-{kind}": wrong(kind, now) for kind in WRONG}
    states |= {f"nearly-{kind}": change(calm(now), now) for kind, change in NEARLY.items()}
    overviews = {state: overview(standing, now) for state, standing in states.items()}
    texts = {f"/{state}/metrics": render_metrics(body) for state, body in overviews.items()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(texts[self.path])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Answers(overviews, f"127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory, answers: Answers) -> Iterator[Prometheus]:
    """It has seen all states, and evaluated the rules since."""
    running = Prometheus(tmp_path_factory.mktemp("prometheus"), answers.address, answers.overviews)
    try:
        running.wait_for("sum(up)", len(answers.overviews))
        running.wait_for_evaluations(2)
        yield running
    finally:
        running.stop()


def test_what_the_part_measures_comes_out_of_prometheus(scraped: Prometheus) -> None:
    assert scraped.value('stock_backup_archive_lag_seconds{state="wrong-archive-lagging"}') == 61
    assert scraped.value('stock_backup_last_size_bytes{state="calm", kind="full"}') == 400 * 2**20
    assert scraped.value('stock_backup_drill_last_outcome{state="calm", outcome="passed"}') == 1
    age = 'time() - stock_backup_recoverable_last_timestamp_seconds{state="calm"}'
    assert 0 < scraped.value(age) < 300


def test_an_archive_that_lags_fires_its_alert(scraped: Prometheus) -> None:
    (alert,) = [
        one for one in scraped.ask("alerts")["alerts"] if one["labels"]["state"] == "wrong-archive-lagging"
    ]
    assert alert["state"] == "firing"
    assert alert["labels"]["alertname"] == "ArchiveLagging"
    assert (
        alert["annotations"]["description"]
        == "The write-ahead log of the last 1m 1s has not been archived yet."
    )


def test_what_fires_is_what_the_page_warns_of(scraped: Prometheus, answers: Answers) -> None:
    warned = {
        (state, ALERT_OF[warning["kind"]])
        for state, body in answers.overviews.items()
        for warning in body["warnings"]
    }
    assert scraped.firing() == warned


def test_each_alert_says_how_bad_it_is_and_names_its_runbook(scraped: Prometheus) -> None:
    (group,) = scraped.ask("rules")["groups"]
    runbooks = {rule["name"]: rule["annotations"]["runbook"] for rule in group["rules"]}
    alerts = ALERT_OF | {"backup-part-down": "BackupPartDown"}
    assert runbooks == {alert: f"docs/runbooks/{kind}.md" for kind, alert in alerts.items()}
    assert {rule["labels"]["severity"] for rule in group["rules"]} == {"critical", "warning", "info"}
    assert all(rule["annotations"]["summary"] for rule in group["rules"])


def test_a_part_that_is_gone_fires_its_own_alert(tmp_path: Path) -> None:
    alone = Prometheus(tmp_path, "127.0.0.1:9", ["gone"])
    try:
        alone.wait_for("count(up)", 1)
        alone.wait_for_evaluations(2)
        assert alone.firing() == {("", "BackupPartDown")}
    finally:
        alone.stop()
