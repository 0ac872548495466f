"""Do the steps of a change of a secret."""

from stock_ops.kit.report import Report
from stock_ops.kit.rotation import Holder, steps


def change(
    holder: Holder, name: str, report: Report, *, keep_old: bool = True, goes_on: bool = False
) -> None:
    """All of them, each once more where a change that was cut off has done it already."""
    for step in steps(name, goes_on=goes_on):
        with report.step(step.title, step.detail, quiet=step.call != "begin"):
            if step.call == "begin":
                holder.begin(name, keep_old=keep_old)
            else:
                getattr(holder, step.call)(name)
