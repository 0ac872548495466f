"""A real Prometheus with rules and targets of a test's own."""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from stock_analysis.testing.processes import Server, free_port

PATIENCE_S = 120.0
RULES = Path(__file__).resolve().parents[3] / "deploy/monitoring/rules/backups.yml"


class Prometheus:
    """Scrapes `http://TARGET/STATE/metrics` each second, with the label state; alerts need not last."""

    def __init__(self, folder: Path, target: str, states: Iterable[str]) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        hasty = re.sub(r"(?m)^( +for:) \w+", r"\1 0s", RULES.read_text())
        (folder / "rules.yml").write_text(hasty)
        (folder / "prometheus.yml").write_text(json.dumps(_config(target, states)))
        program = shutil.which("prometheus")
        assert program, "prometheus is not on the PATH: run `make test`, which installs it"
        command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        address = self.url.removeprefix("http://")
        self._server = Server([*command, f"--web.listen-address={address}"], folder / "prometheus.log")
        self._server.wait_until(self._is_ready)

    def ask(self, path: str) -> Any:
        """What the API answers."""
        with urlopen(f"{self.url}/api/v1/{path}", timeout=10) as answer:  # noqa: S310 - its own address
            return json.load(answer)["data"]

    def value(self, expression: str) -> float:
        """The value of an expression that has just one."""
        (found,) = self.values(expression)
        return found

    def values(self, expression: str) -> list[float]:
        """The values of an expression."""
        found = self.ask(f"query?query={quote(expression)}")["result"]
        return [float(one["value"][1]) for one in found]

    def wait_for(self, expression: str, value: float) -> None:
        """Return when an expression has that value."""
        self._wait(lambda: value in self.values(expression), lambda: self.ask("targets"))

    def wait_for_evaluations(self, count: int) -> None:
        """Return when the rules have been evaluated so often."""
        for _ in range(count):
            before = self._evaluated_at()
            self._wait(partial(self._differs, before), self._evaluated_at)

    def firing(self) -> set[tuple[str, str]]:
        """State and name of each alert that fires."""
        alerts = [one for one in self.ask("alerts")["alerts"] if one["state"] == "firing"]
        return {(one["labels"].get("state", ""), one["labels"]["alertname"]) for one in alerts}

    def stop(self) -> None:
        """End it."""
        self._server.stop()

    def _evaluated_at(self) -> str:
        (group,) = self.ask("rules")["groups"]
        return str(group["lastEvaluation"])

    def _differs(self, before: str) -> bool:
        return self._evaluated_at() != before

    def _wait(self, done: Callable[[], bool], found: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline, found()
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/-/ready", timeout=10) as answer:  # noqa: S310 - its own address
                return bool(answer.status == 200)
        except URLError:
            return False


def _config(target: str, states: Iterable[str]) -> dict[str, Any]:
    """JSON is YAML."""
    jobs = [{"targets": [target], "labels": {"state": state}} for state in states]
    into_path = {"source_labels": ["state"], "target_label": "__metrics_path__", "replacement": "/$1/metrics"}
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "backup", "static_configs": jobs, "relabel_configs": [into_path]}],
    }
