"""The commands as a user runs them: words, exit codes, Ctrl-C, a database that goes away."""

import json
import signal
import time
from pathlib import Path

import asyncpg
import pytest

from stock_analysis.kit.settings import Settings
from stock_analysis.testing.builders import random_bars, sessions
from stock_analysis.testing.postgres import PostgresCluster
from tests.integration.ingest.importer import Importer
from tests.zygote import Zygote

OK, FAILED, USAGE, NOTHING_LANDED, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130
HEADER = "symbol,date,open,high,low,close,volume\n"


@pytest.fixture
def importer(zygote: Zygote, database: Settings, tmp_path: Path) -> Importer:
    return Importer(zygote, database, tmp_path)


def write(folder: Path, rows: int = 5, bad: str = "", name: str = "prices.csv", symbol: str = "TEST") -> Path:
    bars = random_bars(sessions("2015-01-02", rows))
    days = bars.t.astype("datetime64[s]").astype("datetime64[D]").astype(str)
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    lines = [",".join([symbol, *map(str, row)]) for row in zip(days, *columns, strict=True)]
    path = folder / name
    path.write_text(HEADER + "\n".join(lines) + "\n" + bad)
    return path


def test_an_import_says_what_it_did_and_what_it_kept_aside(importer: Importer, tmp_path: Path) -> None:
    path = write(tmp_path, 5, "TEST,2015-01-04,1,1,1,1,1\nTEST,2015-01-05,1,2,3,4\n")
    code, output = importer.run("import", path)
    assert code == OK
    assert "prices.csv: 7 rows read: 5 accepted, 0 unchanged, 0 corrected, 2 quarantined" in output
    assert "new instruments: 1 (TEST)" in output
    assert "quarantined by reason: unknown_session 1, unparsable 1" in output
    assert "`stock-analysis quarantine list`" in output
    assert "7 of 7 rows safe" in output
    code, output = importer.run("import", path)
    assert "7 rows read: 0 accepted, 5 unchanged, 0 corrected, 2 quarantined" in output


def test_the_summary_is_there_for_programs(importer: Importer, tmp_path: Path) -> None:
    code, output = importer.run("import", write(tmp_path, 3), "--json")
    (found,) = json.loads(output[output.index("{\n") :])["imports"]
    assert code == OK
    assert (found["rows"], found["accepted"], found["status"], found["created"]) == (3, 3, "done", ["TEST"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["import", "nowhere.csv"], USAGE, "nowhere.csv"),
        (["import", "prices.csv", "--interval", "5m"], USAGE, "'5m'"),
        (["import", "prices.csv", "--timezone", "Mars/Base"], USAGE, "'Mars/Base'"),
        (["import", "empty.csv"], FAILED, "stock-analysis: empty.csv is empty"),
        (
            ["import", "prices.csv", "--format", "parquet"],
            FAILED,
            "stock-analysis: prices.csv is not a Parquet file",
        ),
        (["import", "prices.csv", "--exchange", "MARS"], FAILED, "stock-analysis: no exchange 'MARS'"),
        (["import", "prices.csv", "--symbol", "not a symbol"], FAILED, "is not a symbol"),
        (["import", "folder"], FAILED, "holds no file that ends in .csv"),
        (["quarantine", "replay"], USAGE, "say which rows"),
        (["quarantine", "repair", "1", "--set", "close"], USAGE, "CELL=VALUE"),
        (["quarantine", "repair", "1", "--set", "close=1"], FAILED, "no open row 1 is in the quarantine"),
        (["fetch", "nobody", "AAPL"], USAGE, "'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    importer: Importer, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    write(tmp_path)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder").mkdir()
    files = ("prices.csv", "empty.csv", "nowhere.csv", "folder")
    found, output = importer.run(*(tmp_path / one if one in files else one for one in arguments))
    assert (found, "Traceback" in output) == (code, False), output
    assert words in " ".join(output.split())


def test_a_folder_with_a_file_that_cannot_be_read_ends_in_its_line_and_a_failure(
    importer: Importer, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder)
    (folder / "empty.csv").touch()
    code, output = importer.run("import", folder)
    assert (code, "5 accepted" in output) == (FAILED, True)
    assert "stock-analysis: empty.csv is empty" in output
    code, output = importer.run("import", folder, "--json")
    told = json.loads(output[output.index("{") : output.rindex("}") + 1])
    assert (code, told["imports"][0]["unchanged"], told["unreadable"]) == (FAILED, 5, ["empty.csv is empty"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_between_two_batches_and_the_next_run_goes_on(
    importer: Importer, tmp_path: Path, number: signal.Signals
) -> None:
    path = write(tmp_path, 2500)
    importer.start("import", str(path), "--batch-rows", "20")
    importer.wait_for(100)
    importer.send(number)
    assert importer.wait() == INTERRUPTED
    assert "run the same command again to continue" in importer.output
    assert "Traceback" not in importer.output
    done = importer.acknowledged
    assert 100 <= done < 2500
    code, output = importer.run("import", path)
    assert (code, f"goes on after row {done:,}" in output) == (OK, True)
    assert "2,500 rows read: 2,500 accepted" in output


@pytest.mark.parametrize("step", [1, -1])
async def test_two_importers_of_the_same_bars_are_safe(
    zygote: Zygote,
    database: Settings,
    tmp_path: Path,
    pool: asyncpg.Pool,
    step: int,
) -> None:
    symbols = [f"S{number}" for number in range(8)]
    paths = []
    for name, order in (("one.csv", symbols), ("other.csv", symbols[::step])):
        parts = [
            write(tmp_path, 500, name="part.csv", symbol=one).read_text().removeprefix(HEADER)
            for one in order
        ]
        (tmp_path / name).write_text(HEADER + "".join(parts) + f"S1,2015-01-04,1,1,1,1,{len(name)}\n")
        paths.append(tmp_path / name)
    one = Importer(zygote, database, tmp_path / "a")
    other = Importer(zygote, database, tmp_path / "b")
    for importer, path in ((one, paths[0]), (other, paths[1])):
        importer.start("import", str(path), "--batch-rows", "150")
    assert (one.wait(), other.wait()) == (OK, OK), one.output + other.output
    assert await pool.fetchval("SELECT count(*) FROM bar_1d") == 4000
    assert await pool.fetchval("SELECT sum(accepted) FROM import_run") == 4000
    assert await pool.fetchval("SELECT sum(unchanged) FROM import_run") == 4000


async def test_two_importers_of_the_same_file_share_its_rows(
    zygote: Zygote, database: Settings, tmp_path: Path, pool: asyncpg.Pool
) -> None:
    path = write(tmp_path, 2500, "TEST,2015-01-04,1,1,1,1,1\n")
    one = Importer(zygote, database, tmp_path / "a")
    other = Importer(zygote, database, tmp_path / "b")
    one.start("import", str(path), "--batch-rows", "50")
    one.wait_for(100)
    other.start("import", str(path), "--batch-rows", "70")
    assert (one.wait(), other.wait()) == (OK, OK), one.output + other.output
    assert await pool.fetchval("SELECT sum(accepted) FROM import_run") == 2500
    assert await pool.fetchval("SELECT sum(corrected) FROM import_run") == 0
    assert await pool.fetchval("SELECT count(*) FROM bar_1d") == 2500
    assert await pool.fetchval("SELECT count(*) FROM quarantine") == 1


def test_a_database_that_is_not_there_is_said_at_once(
    zygote: Zygote, postgres: PostgresCluster, tmp_path: Path
) -> None:
    nowhere = postgres.settings("nowhere").model_copy(update={"database_port": 1})
    importer = Importer(zygote, nowhere, tmp_path)
    started = time.monotonic()
    code, output = importer.run("import", write(tmp_path))
    assert (code, "PostgreSQL cannot be reached" in output) == (UNREACHABLE, True)
    assert time.monotonic() - started < 10
    assert "Traceback" not in output


def test_a_wrong_password_is_said_at_once(zygote: Zygote, database: Settings, tmp_path: Path) -> None:
    wrong = Settings.model_validate(database.model_dump() | {"database_password": "wrong"})
    importer = Importer(zygote, wrong, tmp_path)
    code, output = importer.run("import", write(tmp_path))
    assert (code, "password authentication failed" in output) == (UNREACHABLE, True)


def test_a_database_without_tables_says_what_to_do(
    zygote: Zygote, postgres: PostgresCluster, tmp_path: Path
) -> None:
    empty = postgres.create_database("template0")
    importer = Importer(zygote, empty, tmp_path)
    code, output = importer.run("import", write(tmp_path))
    assert (code, "run `stock-analysis migrate`" in output) == (UNREACHABLE, True)


async def test_a_database_that_takes_no_writes_says_so(
    importer: Importer, pool: asyncpg.Pool, database: Settings, tmp_path: Path
) -> None:
    await pool.execute(f"ALTER DATABASE {database.database_name} SET default_transaction_read_only = on")
    code, output = importer.run("import", write(tmp_path))
    assert (code, "Traceback" in output) == (FAILED, False)
    assert "stock-analysis: PostgreSQL refused: cannot execute" in output


def test_the_quarantine_is_listed_repaired_replayed_and_dismissed(importer: Importer, tmp_path: Path) -> None:
    bad = "TEST,2015-02-02,100,90,80,100,1\nTEST,2015-01-04,1,1,1,1,1\n"
    importer.run("import", write(tmp_path, 5, bad))
    code, output = importer.run("quarantine", "list", "--json")
    first, second = json.loads(output)
    assert (code, first["reasons"], second["reasons"]) == (OK, ["ohlc_order"], ["unknown_session"])
    assert first["row"] == {
        "symbol": "TEST",
        "session": "2015-02-02",
        "open": 100.0,
        "high": 90.0,
        "low": 80.0,
        "close": 100.0,
        "volume": 1.0,
    }
    code, output = importer.run("quarantine", "list", "--symbol", "test", "--reason", "ohlc_order")
    assert (code, "ohlc_order" in output, "unknown_session" in output) == (OK, True, False)
    assert f"row {first['row_number']}" in output
    number = str(first["id"])
    code, output = importer.run("quarantine", "repair", number, "--set", "high=110", "--set", "close=95")
    assert (code, "high 110" in output, f"quarantine replay {number}" in output) == (OK, True, True)
    assert importer.run("quarantine", "replay", number) == (
        OK,
        "1 accepted, 0 unchanged, 0 corrected, 0 stay aside\n",
    )
    code, output = importer.run("quarantine", "replay", "--all")
    assert (code, "unknown_session 1" in output) == (OK, True)
    assert importer.run("quarantine", "dismiss", "--symbol", "TEST") == (OK, "1 dismissed\n")
    assert importer.run("quarantine", "list") == (OK, "no such rows are in the quarantine\n")


def test_a_database_that_goes_away_and_stays_away_ends_in_a_line(zygote: Zygote, tmp_path: Path) -> None:
    cluster = PostgresCluster()
    try:
        importer = Importer(zygote, cluster.create_database(), tmp_path)
        path = write(tmp_path, 2500)
        importer.start("import", str(path), "--batch-rows", "20", "--patience", "2")
        importer.wait_for(100)
        cluster.kill()
        assert importer.wait() == UNREACHABLE
        assert "trying again in" in importer.output
        assert importer.output.splitlines()[-1].startswith("stock-analysis: PostgreSQL cannot be reached")
        cluster.start()
        code, output = importer.run("import", path)
        assert (code, "2,500 rows read: 2,500 accepted" in output) == (OK, True)
    finally:
        cluster.remove()


NASTY = "\x1b]0;owned\x07\x1b[2J[bold]"


def test_bytes_of_a_file_that_is_no_table_never_reach_the_terminal(
    importer: Importer, tmp_path: Path
) -> None:
    path = tmp_path / "random.bin"
    path.write_bytes(b"\x1b]0;owned\x07,\x9b2J," + bytes(range(1, 10)) * 500 + b"\n1,2,3\n")
    code, output = importer.run("import", path)
    assert (code, "has no column for the date" in output) == (FAILED, True)
    assert all(one.isprintable() or one == "\n" for one in output)
    assert len(output) < 500


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["repair", "1", "--set", "high=2"]])
def test_cells_of_the_quarantine_are_shown_and_not_obeyed(
    importer: Importer, tmp_path: Path, arguments: list[str]
) -> None:
    importer.run("import", write(tmp_path, 3, f"TEST,2015-02-02,1,1,1,{NASTY},1\n"))
    code, output = importer.run("quarantine", *arguments)
    assert (code, "owned" in output, "[bold]" in output) == (OK, True, True)
    assert all(one.isprintable() or one == "\n" for one in output)


def test_the_reading_is_said_before_the_first_row_lands(importer: Importer, tmp_path: Path) -> None:
    code, output = importer.run("import", write(tmp_path, 3), "--exchange", "XNAS")
    assert code == OK
    assert output.index("prices.csv is read as:") < output.index("rows safe")
    words = " ".join(output.split())
    assert "exchange XNAS, Nasdaq (given)" in words
    assert "currency USD (assumed: the exchange's)" in words
    assert "interval 1d (assumed: no time of day)" in words
    assert "columns symbol = symbol, when = date, open = open" in words


def test_a_dry_run_says_what_it_would_do_and_stores_nothing(importer: Importer, tmp_path: Path) -> None:
    path = write(tmp_path, 12)
    code, output = importer.run("import", path, "--dry-run")
    assert (code, "nothing was stored" in output, "accepted" in output) == (OK, True, False)
    assert output.count("2015-01-") == 10
    code, output = importer.run("import", path, "--dry-run", "--json")
    (found,) = json.loads(output)
    assert (code, len(found["rows"]), found["rows"][0]["when"]) == (OK, 10, "2015-01-02")
    assert importer.run("runs", "list") == (OK, "nothing was imported yet\n")


def test_where_no_row_lands_the_command_ends_with_3(importer: Importer, tmp_path: Path) -> None:
    path = tmp_path / "NONE.csv"
    path.write_text("date,open,high,low,close,volume\n2015-01-03,1,2,0.5,1,1\n")
    code, output = importer.run("import", path)
    assert (code, output.splitlines()[-1]) == (NOTHING_LANDED, "stock-analysis: no row landed")
    assert "new instruments" not in output
    code, output = importer.run("import", write(tmp_path, 3, "TEST,2015-01-04,1,1,1,1,1\n"))
    assert code == OK


def test_a_column_is_named_by_an_option(importer: Importer, tmp_path: Path) -> None:
    path = tmp_path / "ACME.csv"
    path.write_text("date,open,high,low,close,Traded Qty\n2015-01-02,1,2,0.5,1,7\n")
    code, output = importer.run("import", path)
    assert (code, '--column "volume=Traded Qty"' in output) == (FAILED, True)
    code, output = importer.run("import", path, "--column", "volume=Traded Qty")
    assert (code, "1 accepted" in output, "volume = Traded Qty" in output) == (OK, True, True)
    assert importer.run("import", path, "--column", "volume")[0] == USAGE
    assert importer.run("import", path, "--column", "price=Close")[0] == FAILED


def test_imports_are_listed_shown_and_taken_back(importer: Importer, tmp_path: Path) -> None:
    importer.run("import", write(tmp_path, 5, "TEST,2015-01-04,1,1,1,1,1\n"))
    code, output = importer.run("runs", "list")
    assert (code, "prices.csv" in output) == (OK, True)
    code, output = importer.run("runs", "list", "--json")
    (found,) = json.loads(output)
    assert (found["accepted"], found["quarantined"], found["status"]) == (5, 1, "done")
    code, output = importer.run("runs", "show", found["id"][:6])
    assert (code, "prices.csv is read as:" in output, "5 accepted" in output) == (OK, True, True)
    code, output = importer.run("runs", "undo", "last")
    assert (code, "5 bars removed" in output, "instruments removed: TEST" in output) == (OK, True, True)
    code, output = importer.run("runs", "undo", "last")
    assert (code, "was taken back before" in output) == (FAILED, True)
    code, output = importer.run("runs", "show", "zzz")
    assert (code, "is no import" in output) == (FAILED, True)
