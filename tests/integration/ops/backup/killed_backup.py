"""`stockops backup create --full` that kills itself without warning: killed_backup DATA TITLE DELAY_S

TITLE is of the step after whose begin so long is waited. The backup is made by the function that the command
calls; the command itself is killed in test_backup_faults.
"""

from pathlib import Path

from stock_ops.backup.facts.creation import observe_creation
from stock_ops.backup.plans.creation import plan_backup
from stock_ops.backup.runners.create import make_backup
from stock_ops.kit.backup_settings import read_backup_settings
from stock_ops.kit.files import exclusive
from stock_ops.kit.layout import Layout
from tests.integration.ops.drill.killed_drill import KillingReport


def main(data: str, title: str, delay_s: str) -> None:
    layout = Layout(Path(data))
    with exclusive(layout, "backup create", layout.backup_lock, patience_s=60):
        facts = observe_creation(layout, read_backup_settings(layout))
        make_backup(plan_backup(facts, full=True), facts, KillingReport(title, float(delay_s)))
