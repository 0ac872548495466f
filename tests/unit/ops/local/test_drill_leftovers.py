"""`up` clears what a killed drill has left, before it makes anything; a drill that runs is left alone."""

from dataclasses import replace
from pathlib import Path

from stock_ops.local.plans.steps import RemoveLeftover
from stock_ops.local.plans.up import plan_up
from tests.unit.ops.builders import running, stopped

SCRATCH = Path("/data/stocks/scratch/drill-20261125T031500Z")


def test_the_scratch_folder_of_a_killed_drill_is_removed_first() -> None:
    first = plan_up(replace(stopped(), abandoned=(SCRATCH,)), None).steps[0]
    assert isinstance(first, RemoveLeftover)
    assert (first.path, first.detail) == (
        SCRATCH,
        "drill-20261125T031500Z: a drill was killed while it worked there",
    )


def test_it_is_removed_where_everything_runs_and_nothing_else_is_done() -> None:
    steps = plan_up(replace(running(), abandoned=(SCRATCH,)), None).steps
    assert [type(step) for step in steps] == [RemoveLeftover]


def test_without_one_there_is_nothing_to_do() -> None:
    assert plan_up(running(), None).steps == ()
