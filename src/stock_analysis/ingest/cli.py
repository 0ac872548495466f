"""The commands of this package, mounted on `stock-analysis`."""

import typer

from stock_analysis.ingest.exchange_cli import exchange_app
from stock_analysis.ingest.import_cli import fetch_command, import_command, import_sample_command
from stock_analysis.ingest.instrument_cli import instrument_app
from stock_analysis.ingest.live.replay_cli import replay_command
from stock_analysis.ingest.quarantine_cli import quarantine_app
from stock_analysis.ingest.runs_cli import runs_app


def add_commands(app: typer.Typer) -> None:
    """Mount the commands of this package."""
    app.command("import")(import_command)
    app.command("import-sample")(import_sample_command)
    app.command("fetch")(fetch_command)
    app.command("replay")(replay_command)
    app.add_typer(quarantine_app, name="quarantine")
    app.add_typer(runs_app, name="runs")
    app.add_typer(instrument_app, name="instrument")
    app.add_typer(exchange_app, name="exchange")
