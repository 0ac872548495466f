"""The folder of the secrets of compose: drawn once, to each service its own, changed step by step."""

from pathlib import Path

import pytest
import yaml

from stock_ops.kit.errors import CorruptFileError, FolderError
from stock_ops.kit.folder_rotation import FolderHolder, unfinished
from stock_ops.kit.report import JsonReport
from stock_ops.kit.rotating import change
from stock_ops.kit.secret_folder import fill, put, read, show
from stock_ops.kit.secret_names import PEPPER, SECRET_NAMES, SERVICES, SESSION_KEY, VALKEY, files_of
from stock_ops.local.plans.roles import compose_script
from tools.generate import COMPOSE_ROLES


def in_service(folder: Path, service: str, name: str) -> tuple[str, ...]:
    return tuple((folder / "services" / service / name).read_text().split())


class Bench:
    """A folder, and servers that only note what they were told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.holder = FolderHolder(
            folder,
            lambda service, command: self.told.append(f"{service}: {command.split('/')[-1]}"),
            lambda command: self.told.append(command),
        )
        fill(folder)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "secrets")


def test_all_are_drawn_once_and_differ(tmp_path: Path) -> None:
    drawn = fill(tmp_path)
    assert PEPPER not in drawn
    assert len({read(tmp_path / name) for name in drawn}) == len(drawn) == len(SECRET_NAMES) - 1
    before = {name: read(tmp_path / name) for name in drawn}
    assert fill(tmp_path) == ()
    assert {name: read(tmp_path / name) for name in drawn} == before


def test_each_service_has_its_own_and_no_other(bench: Bench) -> None:
    for service in SERVICES:
        place = bench.folder / "services" / service
        assert sorted(path.name for path in place.iterdir()) == sorted(files_of(service))
        assert place.stat().st_mode & 0o777 == 0o750
        assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o640}
    for one in SECRET_NAMES:
        assert (bench.folder / one.name).stat().st_mode & 0o777 == 0o600
    (bench.folder / "services" / "stock" / "postgres").write_text("strange")
    (bench.folder / "services" / "stock" / VALKEY).write_text("old")
    show(bench.folder)
    assert not (bench.folder / "services" / "stock" / "postgres").exists()
    assert in_service(bench.folder, "stock", VALKEY) == read(bench.folder / VALKEY)


def test_the_secrets_of_an_earlier_release_are_kept_under_their_new_names(tmp_path: Path) -> None:
    (tmp_path / "database_password").write_text("abc123")
    (tmp_path / "valkey_password").write_text("def456")
    drawn = fill(tmp_path)
    assert not {"stock_analysis", VALKEY} & set(drawn)
    assert (read(tmp_path / "stock_analysis"), read(tmp_path / VALKEY)) == (("abc123",), ("def456",))
    assert not (tmp_path / "database_password").exists()


@pytest.mark.parametrize("content", ["", "a b c\n", "with space?\n", "ä\n"])
def test_a_file_that_is_no_secret_is_refused_and_not_repeated(tmp_path: Path, content: str) -> None:
    fill(tmp_path)
    (tmp_path / VALKEY).write_text(content)
    with pytest.raises(CorruptFileError) as error:
        read(tmp_path / VALKEY)
    assert "with" not in error.value.why.replace(str(tmp_path), "")
    (tmp_path / VALKEY).unlink()
    with pytest.raises(FolderError, match="is missing"):
        read(tmp_path / VALKEY)


def test_while_valkey_changes_its_clients_have_both_and_the_backup_the_one_that_works(bench: Bench) -> None:
    (old,) = read(bench.folder / VALKEY)
    bench.holder.begin(VALKEY, keep_old=True)
    bench.holder.offer(VALKEY)
    new, kept = read(bench.folder / VALKEY)
    assert kept == old
    for service in ("valkey", "stock", "gateway"):
        assert in_service(bench.folder, service, VALKEY) == (new, old)
    assert in_service(bench.folder, "backup", VALKEY) == (old,)
    bench.holder.teach(VALKEY)
    bench.holder.settle(VALKEY)
    assert {in_service(bench.folder, one, VALKEY) for one in ("valkey", "stock", "backup")} == {(new,)}
    assert unfinished(bench.folder) == [VALKEY]
    bench.holder.finish(VALKEY)
    assert unfinished(bench.folder) == []
    assert bench.told == ["valkey: password.sh"]


def test_a_change_that_goes_on_draws_no_third_value(bench: Bench) -> None:
    bench.holder.begin("stock_reader", keep_old=True)
    new, _ = read(bench.folder / "stock_reader")
    change(bench.holder, "stock_reader", JsonReport(), goes_on=True)
    assert read(bench.folder / "stock_reader") == (new,)
    assert bench.told == ["postgresql: roles.sh stock_reader"]


def test_the_old_session_key_stays_unless_sessions_shall_end(bench: Bench) -> None:
    (first,) = read(bench.folder / SESSION_KEY)
    change(bench.holder, SESSION_KEY, JsonReport())
    second, kept = in_service(bench.folder, "gateway", SESSION_KEY)
    assert kept == first != second
    change(bench.holder, SESSION_KEY, JsonReport(), keep_old=False)
    assert len(in_service(bench.folder, "gateway", SESSION_KEY)) == 1
    assert unfinished(bench.folder) == []


def test_the_first_pepper_seals_and_the_next_one_changes_it(bench: Bench) -> None:
    change(bench.holder, PEPPER, JsonReport())
    (first,) = read(bench.folder / PEPPER)
    change(bench.holder, PEPPER, JsonReport())
    assert read(bench.folder / PEPPER) != (first,)
    assert bench.told == ["keys reseal", "keys reseal"]


def test_an_imported_value_is_a_change_that_was_begun(bench: Bench) -> None:
    (old,) = read(bench.folder / VALKEY)
    put(bench.folder, VALKEY, ("imported", old))
    assert unfinished(bench.folder) == [VALKEY]
    change(bench.holder, VALKEY, JsonReport(), goes_on=True)
    assert in_service(bench.folder, "stock", VALKEY) == ("imported",)


def test_the_roles_of_compose_are_those_of_the_code() -> None:
    assert COMPOSE_ROLES.read_text() == compose_script(), "run `make generate` and commit it"


def test_every_secret_that_a_service_of_compose_names_is_in_its_folder() -> None:
    """A file that is named and not there ends the service before it serves."""
    services = yaml.safe_load((COMPOSE_ROLES.parents[1] / "compose.yaml").read_text())["services"]
    for service, one in services.items():
        named = {
            str(value).removeprefix("/run/secrets/")
            for variable, value in (one.get("environment") or {}).items()
            if variable.endswith("_FILE") and str(value).startswith("/run/secrets/")
        }
        assert named <= set(files_of(service)), service
