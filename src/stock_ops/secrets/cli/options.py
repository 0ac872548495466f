"""Options that the verbs of the secrets share."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path | None,
    typer.Option(help="Folder of the secrets of compose, STOCK_SECRETS; else the instance's own."),
]
ProjectName = Annotated[str, typer.Option("--project", help="With --folder: the compose project.")]
Engine = Annotated[
    str | None, typer.Option(help="With --folder: docker or podman; else the one that is installed.")
]
