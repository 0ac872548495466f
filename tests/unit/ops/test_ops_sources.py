import re
from pathlib import Path

SOURCES = Path(__file__).parents[3] / "src/stock_ops"
WITHOUT_REASON = re.compile(r"# (noqa|type: ignore)(?!.* - \w)")


def test_every_suppression_gives_its_reason() -> None:
    bare = [
        f"{path.name}: {line.strip()}"
        for path in SOURCES.rglob("*.py")
        for line in path.read_text().splitlines()
        if WITHOUT_REASON.search(line)
    ]
    assert bare == []


def test_no_variable_of_the_environment_names_a_program() -> None:
    found = {name for path in SOURCES.rglob("*.py") for name in re.findall(r"STOCKOPS_\w+", path.read_text())}
    of_containers = {
        f"STOCKOPS_{name}" for name in ("SERVERS", "SECRETS", "KEY_FILE", "OUTSIDE", "RECOVERY", "CLUSTER")
    }
    chooses_among_fixed_names = {"STOCKOPS_COMPOSE", "STOCKOPS_TARGET"}
    assert found == {"STOCKOPS_DATA", "STOCKOPS_PATIENCE"} | of_containers | chooses_among_fixed_names
