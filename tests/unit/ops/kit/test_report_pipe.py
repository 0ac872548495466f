"""`stockops down | head -1`: the reader goes after a line, the work goes on to its end."""

import os
import subprocess
import sys
from pathlib import Path

STEPS = """
import sys
from pathlib import Path
from stock_ops.kit.report import ConsoleReport
report = ConsoleReport()
for number in range(3):
    with report.step("Step", str(number), quiet=False):
        pass
report.result("down", [("Down", "all of it")], {})
Path(sys.argv[1]).touch()
"""


def test_a_reader_that_goes_away_does_not_end_the_verb(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = tmp_path / "done"
    command = [sys.executable, "-c", STEPS, str(done)]
    path = os.pathsep.join(sys.path)
    ended = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path}, check=False
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert done.exists()
