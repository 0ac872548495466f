"""The commands of this package, mounted on `stock-analysis`."""

from collections.abc import Callable
from pathlib import Path

import typer

from stock_analysis.ingest.exchange_cli import exchange_app
from stock_analysis.ingest.import_cli import fetch_command, import_command, sample_command
from stock_analysis.ingest.instrument_cli import instrument_app
from stock_analysis.ingest.live.replay_cli import replay_command
from stock_analysis.ingest.quarantine_cli import quarantine_app
from stock_analysis.ingest.runs_cli import runs_app


def add_commands(app: typer.Typer, after_sample: Callable[[Path | None], None]) -> None:
    """Mount the commands of this package. after_sample: see sample_command."""
    app.command("import")(import_command)
    app.command("import-sample")(sample_command(after_sample))
    app.command("fetch")(fetch_command)
    app.command("replay")(replay_command)
    app.add_typer(quarantine_app, name="quarantine")
    app.add_typer(runs_app, name="runs")
    app.add_typer(instrument_app, name="instrument")
    app.add_typer(exchange_app, name="exchange")
