"""What a verb answers that the target of a data folder does not know."""

import typer

from stock_ops.kit.errors import MissingProgramError
from stock_ops.kit.report import Report
from stock_ops.kit.target import LOCAL, OtherTargetError, read_target
from stock_ops.kit.verbs import data_of, layout_of, run_verb


def other_target(context: typer.Context) -> None:
    """The data folder belongs to another target than the one that was named."""
    words = context.args
    named = (context.parent.params if context.parent else {}).get("target") or LOCAL

    def refuse(_: Report) -> int:
        layout = layout_of(data_of(words))
        raise OtherTargetError(layout, read_target(layout) or LOCAL, named)  # or of the file that names it

    run_verb(context.info_name or "", "--json" in words, refuse)


def service(context: typer.Context) -> None:
    """Containers start with the machine by their own engine."""

    def refuse(_: Report) -> int:
        raise MissingProgramError(
            "In containers nothing needs a unit: they start with their engine (restart: unless-stopped).",
            "Let the engine start with the machine: systemctl enable docker (or podman-restart).",
        )

    run_verb(f"service {' '.join(context.args[:1])}".strip(), "--json" in context.args, refuse)
