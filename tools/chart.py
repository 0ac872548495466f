"""What the chart has of other files: a schema and a table of its values.yaml, and the scripts of the servers.

A line of values.yaml that begins with `# --` says what the next key means, up to the key itself. In it,
`one of: a, b` lists all values, `any keys` lets a mapping hold more than its defaults, and
`entries like NAME` says that all of its entries have one form.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy" / "chart" / "stock-analysis"
COMPOSE = ROOT / "deploy" / "compose"
COPIES = {
    "roles.sh": COMPOSE / "postgresql" / "roles.sh",
    "roles.sql": COMPOSE / "postgresql" / "roles.sql",
    "recover.sh": COMPOSE / "postgresql" / "recover.sh",
    "kafka-healthy.sh": COMPOSE / "kafka" / "healthy.sh",
    "valkey.sh": COMPOSE / "valkey" / "start.sh",
    "valkey-password.sh": COMPOSE / "valkey" / "password.sh",
}
"""Files of the chart that are those of compose: Helm reads none outside the chart."""

BEGIN = "<!-- values: written by `make generate` from values.yaml; do not edit -->\n"
END = "<!-- end of values -->\n"
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
_ONE_OF = re.compile(r"one of: ([\w, -]+)")
_LIKE = re.compile(r"entries like (\w+)")


def files() -> dict[Path, str]:
    """Each file that is written, with its content."""
    text = (CHART / "values.yaml").read_text()
    values, said = yaml.safe_load(text), descriptions(text)
    readme = CHART / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    made = {
        CHART / "values.schema.json": json.dumps(schema(values, said), indent=1) + "\n",
        readme: before + BEGIN + table(values, said) + END + after,
    }
    return made | {CHART / "files" / name: path.read_text() for name, path in COPIES.items()}


def descriptions(text: str) -> dict[tuple[str, ...], str]:
    """The comment above each key."""
    lines = text.splitlines()
    root = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("values.yaml is no mapping")
    return dict(_described(root, lines, ()))


def _described(
    node: yaml.MappingNode, lines: list[str], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, value in node.value:
        here = (*path, key.value)
        words: list[str] = []
        for line in reversed(lines[: key.start_mark.line]):
            comment = line.strip()
            if not comment.startswith("#"):
                break
            words.insert(0, comment.removeprefix("#").strip())
            if comment.startswith("# --"):
                words[0] = words[0].removeprefix("--").strip()
                yield here, " ".join(words)
                break
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            yield from _described(value, lines, here)


def schema(values: dict[str, Any], said: dict[tuple[str, ...], str]) -> dict[str, Any]:
    """A closed JSON schema: a key that is not in values.yaml is refused."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Values of the chart stock-analysis",
    }
    made = _schema(values, said, ())
    made["properties"]["global"] = {"type": "object", "description": "Helm's own; nothing here reads it."}
    return head | made


def _schema(value: Any, said: dict[tuple[str, ...], str], path: tuple[str, ...]) -> dict[str, Any]:
    words = said.get(path, "")
    made: dict[str, Any] = {"description": words} if words else {}
    made["type"] = _TYPES[type(value)]
    if match := _ONE_OF.search(words):
        made["enum"] = [one.strip() for one in match[1].split(",")]
    if isinstance(value, list):
        made["items"] = {"type": "string"}
    if isinstance(value, dict):
        inner = {key: _schema(one, said, (*path, key)) for key, one in value.items()}
        if match := _LIKE.search(words):
            made["additionalProperties"] = inner[match[1]]
        elif "any keys" in words:
            made["additionalProperties"] = {"type": ["string", "number", "boolean"]}
        else:
            made |= {"properties": inner, "additionalProperties": False}
    return made


def table(values: dict[str, Any], said: dict[tuple[str, ...], str]) -> str:
    """Every value with its default and meaning."""
    rows = ["| value | default | meaning |", "|---|---|---|"]
    rows += [
        f"| `{'.'.join(path)}` | `{json.dumps(value)}` | {said.get(path, '')} |"
        for path, value in _leaves(values, said)
    ]
    return "\n".join([*rows, ""])


def _leaves(
    values: dict[str, Any], said: dict[tuple[str, ...], str], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        here = (*path, key)
        if isinstance(value, dict) and value and "any keys" not in said.get(here, ""):
            yield from _leaves(value, said, here)
        else:
            yield here, value


def main() -> None:
    for path, content in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)


if __name__ == "__main__":
    main()
