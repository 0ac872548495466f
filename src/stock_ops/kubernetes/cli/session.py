"""What the verbs share: the environment as an argument, connections, Helm's errors in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from stock_ops.kit.report import Report
from stock_ops.kit.target import KUBERNETES
from stock_ops.kubernetes.connection import connect, open_helm
from stock_ops.kubernetes.errors import ClusterError
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.runners.deploy import Work

Env = Annotated[
    str, typer.Argument(metavar="ENV", help="An environment of deploy/environments, or a file like them.")
]
Image = Annotated[
    str | None,
    typer.Option(
        metavar="NAME@sha256:...", help="The platform's image, in place of the file's.", show_default=False
    ),
]
OpsImage = Annotated[
    str | None,
    typer.Option(
        metavar="NAME@sha256:...",
        help="The image of the backups, in place of the file's.",
        show_default=False,
    ),
]
Target = Annotated[
    str, typer.Option(help="kubernetes; these verbs know no other target.", hidden=True, show_default=False)
]


@contextmanager
def opened(environment: Environment, report: Report) -> Iterator[Work]:
    """The connections to the cluster of an environment. Raises OpsError."""
    connection = connect(environment.context)
    with open_helm(environment.context, environment.namespace) as helm:
        import helm_python

        try:
            yield Work(helm, connection, environment, report)
        except helm_python.HelmError as error:
            raise ClusterError(
                f"Helm could not do it: {' '.join(f'{error}'.split())[:300]}.",
                f"Look at it: stockops --target kubernetes doctor {environment.path}",
            ) from error


def refuse_other(target: str) -> None:
    """Raise typer.BadParameter for another target than ours."""
    if target != KUBERNETES:
        raise typer.BadParameter(f"this verb is there on the target {KUBERNETES} only", param_hint="--target")
