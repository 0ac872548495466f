"""Which settings of a backup do not come back into use."""

import pytest

from stock_ops.restore.plans.disarm import ARMED, disarm, is_armed

HARMLESS = "# mine\n\nwork_mem = '64MB'\nshared_buffers=1GB # more\n  LOG_min_duration_statement 5\n"


def test_what_only_tunes_the_server_stays_word_for_word() -> None:
    assert disarm("operator.conf", HARMLESS) == (HARMLESS, ())


@pytest.mark.parametrize("name", sorted(ARMED))
@pytest.mark.parametrize("line", ["{} = 'x'", "  {}='x'", "{} 'x'", "\t{}\t=\tx # why"])
def test_what_runs_a_command_loads_code_or_reads_elsewhere_goes_however_it_is_written(
    name: str, line: str
) -> None:
    for written in (name, name.upper(), name.title()):
        armed = line.format(written)
        kept, found = disarm("postgresql.auto.conf", f"{HARMLESS}{armed}\nport = 1\n")
        assert kept == f"{HARMLESS}port = 1\n"
        assert [str(one) for one in found] == [f"{' '.join(armed.split())} (postgresql.auto.conf)"]


def test_settings_of_extensions_go_as_well() -> None:
    kept, found = disarm("operator.conf", "plperl.on_init = 'system(1)'\nwork_mem = 1MB")
    assert kept == "work_mem = 1MB"
    assert len(found) == 1


def test_settings_of_roles_are_judged_by_the_same_names() -> None:
    assert is_armed("session_preload_libraries=x")
    assert is_armed("plpython3.anything=x")
    assert not is_armed("search_path=public")
