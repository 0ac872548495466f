"""What a database needs before and after a dump is loaded."""

from stock_ops.drill.plans.loading import after_load, before_load


def test_a_database_without_timescaledb_needs_nothing() -> None:
    assert before_load({"plpgsql": "1.0"}) == after_load({"plpgsql": "1.0"}) == ()


def test_timescaledb_comes_first_in_the_dumped_version_and_is_told_when_the_tables_are_filled() -> None:
    extensions = {"plpgsql": "1.0", "timescaledb": "2.23.0'; --"}
    assert before_load(extensions) == (
        "CREATE EXTENSION timescaledb VERSION '2.23.0''; --'",
        "SELECT timescaledb_pre_restore()",
    )
    assert after_load(extensions) == ("SELECT timescaledb_post_restore()",)
