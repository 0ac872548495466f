"""What a verb answers that the target kubernetes does not know."""

import typer

from stock_ops.kit.errors import MissingProgramError
from stock_ops.kit.report import Report
from stock_ops.kit.verbs import run_verb

_INSTEAD = {
    "up": "Deploy an environment: stockops deploy ENV",
    "down": "Take it away, the volumes stay: helm uninstall RELEASE -n NAMESPACE",
}
_ELSE = "Use what the cluster has for it: docs/kubernetes.md says which parts it lacks."


def not_there(context: typer.Context) -> None:
    """The verb is there for other targets only."""
    verb = context.info_name or ""

    def refuse(_: Report) -> int:
        raise MissingProgramError(
            f"There is no `{verb}` on the target kubernetes.", _INSTEAD.get(verb, _ELSE)
        )

    run_verb(verb, "--json" in context.args, refuse)
