"""`stockops backup create --full` that kills itself without warning: killed_backup.py DATA TITLE DELAY_S

TITLE is of the step after whose begin so long is waited. The backup is made by the function that the command
calls; the command itself is killed in test_backup_faults.
"""

import sys
from pathlib import Path

from stock_ops.facts.backups import read_backup_settings
from stock_ops.facts.creation import observe_creation
from stock_ops.layout import Layout
from stock_ops.plans.backup import plan_backup
from stock_ops.runners.backups.create import make_backup
from stock_ops.runners.files import exclusive
from tests.integration.ops.killed_drill import KillingReport


def main(data: str, title: str, delay_s: str) -> None:
    layout = Layout(Path(data))
    with exclusive(layout, "backup create", layout.backup_lock):
        facts = observe_creation(layout, read_backup_settings(layout))
        make_backup(plan_backup(facts, full=True), facts, KillingReport(title, float(delay_s)))


if __name__ == "__main__":
    main(*sys.argv[1:])
