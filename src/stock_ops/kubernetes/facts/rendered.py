"""The chart with the values of an environment, filled in."""

import re
from typing import Any

from stock_ops.kubernetes.connection import missing_library
from stock_ops.kubernetes.errors import RefusedError
from stock_ops.kubernetes.facts.environment import Environment
from stock_ops.kubernetes.objects import Object

NOTES = "/NOTES.txt"
"""What Helm tells a person; no manifest."""


def render(environment: Environment, *, upgrade: bool) -> list[Object]:
    """Every object, hooks and tests included. Raises RefusedError for values that the chart refuses."""
    try:
        import helm_python
    except ImportError as error:
        raise missing_library("helm-python-sdk") from error
    try:
        with helm_python.Chart.load(environment.chart) as chart:
            chart.validate_schema(chart.merge_values(environment.values))
            files = chart.render(
                environment.values,
                name=environment.release,
                namespace=environment.namespace,
                is_install=not upgrade,
                is_upgrade=upgrade,
            )
    except helm_python.HelmError as error:
        raise RefusedError(
            f"The chart refuses the values of {environment.path}: {_words(error)}",
            f"Correct {environment.path}; {environment.chart}/README.md lists the values.",
        ) from error
    manifests = [text for name, text in files.items() if not name.endswith(NOTES)]
    return [document for text in manifests for document in documents(text)]


def documents(text: str) -> list[Object]:
    """The objects of a manifest."""
    import yaml

    found: list[Any] = [one for one in yaml.safe_load_all(text) if one]
    return found


def _words(error: Exception) -> str:
    """Without the path of the template before the words of `fail`."""
    text = " ".join(f"{error}".split())
    return _PLACE.sub("", text.rpartition("error calling fail: ")[2])[:600]


_PLACE = re.compile(r"^execution error at \([^)]*\): ")
