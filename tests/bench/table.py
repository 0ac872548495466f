"""The table of numbers: what was measured, what is to be reached, and a peer in the same run."""

import sys
from dataclasses import dataclass

import psutil
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    goal: str
    ours: str
    peer: str = "-"
    met: bool | None = None


def show(rows: list[Row]) -> None:
    """Print the table."""
    table = Table(title=f"{psutil.cpu_count()} cores, Python {sys.version.split()[0]}")
    for heading in ("what", "goal", "ours", "peer", "met"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.what, row.goal, row.ours, row.peer, _MET[row.met])
    Console(width=max(120, Console().width)).print(table)


_MET = {True: "yes", False: "NO", None: "-"}
