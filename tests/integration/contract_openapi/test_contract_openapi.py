"""The gateway answers as /openapi.json says, whatever it is asked: schemathesis tries, on real data."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.platform import Platform
from stock_analysis.testing.valkey import ValkeyServer
from tests.contract.gateway.backup_part import BackupPartStub, backup_report
from tools.generate import CONTRACT, contract

CONFIG = [Path(__file__).with_name(name) for name in ("schemathesis.toml", "hooks.py")]
EXAMPLES = 50
LONGEST_S = 840

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def platform(sample_database: Settings, valkey: ValkeyServer) -> Iterator[Platform]:
    """The platform without a limit of requests, so that no 429 hides an answer."""
    part = BackupPartStub()
    part.tell(backup_report())
    changes = {"rate_limit_per_minute": 0, "backup_url": part.url}
    platform = Platform(Settings.model_validate(valkey.add_to(sample_database).model_dump() | changes))
    yield platform
    platform.remove()
    part.stop()


@pytest.fixture(scope="module")
def report(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What schemathesis said."""
    folder = tmp_path_factory.mktemp("schemathesis")
    for file in CONFIG:
        shutil.copy(file, folder)
    command = [str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run"]
    command += [f"{platform.url}/openapi.json", "--max-examples", str(EXAMPLES)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    return f"{done.stdout}{done.stderr}\nended with {done.returncode}"


def test_every_answer_is_as_the_contract_says(report: str) -> None:
    assert report.endswith("ended with 0"), report


def test_all_operations_were_tried(platform: Platform, report: str) -> None:
    paths = httpx.get(f"{platform.url}/openapi.json").json()["paths"]
    operations = sum(len(methods) for methods in paths.values())
    tested = re.search(r"Tested: (\d+)", report)
    assert tested is not None, report
    assert int(tested[1]) == operations


def test_no_error_of_ours_was_logged(platform: Platform, report: str) -> None:
    assert report
    assert [line for line in platform.log.splitlines() if '"log.level":"error"' in line] == []


def test_the_front_end_is_made_from_this_contract(platform: Platform) -> None:
    assert CONTRACT.read_text() == contract(platform), "run `make generate` and commit it"
