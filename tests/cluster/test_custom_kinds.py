"""The API server holds the chart's custom kinds to the definitions that their operators publish."""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
import yaml

from tests.cluster.checks import CUSTOM
from tests.cluster.cluster import Cluster, until
from tests.cluster.release import Document, Values, render
from tests.cluster.test_templates import ENVIRONMENTS, FORMS
from tools.custom_kinds import SOURCES, definitions
from tools.go_modules import CannotBeHadError

NOT_HELD = {"Kafka", "KafkaNodePool"}
"""Strimzi's CRDs come with a Java project: only the tests of the templates look at its objects."""
Report = Callable[[str, str], None]
VALUES: dict[str, Values] = FORMS | {path.stem: yaml.safe_load(path.read_text()) for path in ENVIRONMENTS}
MAKING = ("operator", "operator with backups", "open", "small", "staging", "production")
"""Those of the forms that make objects of custom kinds."""
WRONG: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "Certificate": (("spec", "secretName"), 5, "spec.secretName"),
    "Cluster": (("spec", "instances"), 0, "spec.instances"),
    "ExternalSecret": (("spec", "refreshInterval"), ["1h"], "spec.refreshInterval"),
    "Gateway": (("spec", "listeners"), [], "spec.listeners"),
    "HTTPRoute": (("spec", "hostnames"), ["not a host"], "spec.hostnames"),
}
"""A field of each kind, a value that it may not have, and what a refusal names."""


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """An empty one, in a cluster that knows the kinds; definitions that were not there before go again."""
    try:
        texts = [path.read_text() for path in definitions(os.environ)]
    except CannotBeHadError as error:
        pytest.skip(str(error))
    there = {one["metadata"]["name"] for one in cluster.get("crd")["items"]}
    missing = [one for one in map(yaml.safe_load, texts) if one["metadata"]["name"] not in there]
    names = [one["metadata"]["name"] for one in missing]
    namespace = f"stock-{secrets.token_hex(3)}-kinds"
    cluster.k("create", "namespace", namespace)
    try:
        if missing:
            cluster.k("create", "-f", "-", stdin=yaml.safe_dump_all(missing))
            cluster.k(
                "wait", "--for=condition=Established", "--timeout=120s", *(f"crd/{name}" for name in names)
            )
        until(lambda: all(served(cluster, one) for one in map(yaml.safe_load, texts)))
        yield namespace
    finally:
        cluster.k("delete", "namespace", namespace, "--wait=false", check=False)
        if names:
            cluster.k("delete", "crd", *names, check=False)


def served(cluster: Cluster, definition: Document) -> bool:
    spec = definition["spec"]
    version = next(one["name"] for one in spec["versions"] if one["storage"])
    found = json.loads(cluster.k("get", "--raw", f"/apis/{spec['group']}/{version}", check=False) or "{}")
    return spec["names"]["kind"] in {one["kind"] for one in found.get("resources", [])}


def custom(form: str) -> list[Document]:
    """The objects of a form whose kinds are not Kubernetes' own, without those that are not held."""
    documents = [one for one in render(VALUES[form]) if one["apiVersion"].startswith(CUSTOM)]
    return [one for one in documents if one["kind"] not in NOT_HELD]


def refusal(cluster: Cluster, namespace: str, document: Document) -> str:
    """What the API server says against it, unknown fields included; empty where it would take it."""
    words = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-n", namespace, "-f", "-")
    said = cluster.k(*words, stdin=yaml.safe_dump(document), check=False)
    return "" if said.strip().endswith("serverside-applied (server dry run)") else said


def test_the_forms_hold_every_custom_kind_that_the_chart_can_make(report: Report) -> None:
    report("custom kinds", f"NOT RUN for {', '.join(sorted(NOT_HELD))}, which are Strimzi's")
    made = {one["kind"] for form in MAKING for one in custom(form)}
    assert made == WRONG.keys()
    assert {source.kind for source in SOURCES} < made
    assert [one for form in VALUES.keys() - set(MAKING) for one in custom(form)] == []


@pytest.mark.parametrize("form", MAKING)
def test_the_api_server_takes_every_custom_object(cluster: Cluster, namespace: str, form: str) -> None:
    refused = {one["metadata"]["name"]: refusal(cluster, namespace, one) for one in custom(form)}
    assert {name: said for name, said in refused.items() if said} == {}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_value_and_an_unknown_field_of_each_kind_are_refused(
    cluster: Cluster, namespace: str, kind: str
) -> None:
    whole = next(one for form in MAKING for one in custom(form) if one["kind"] == kind)
    (*path, last), value, named = WRONG[kind]
    wrong, unknown = deepcopy(whole), deepcopy(whole)
    inner = wrong
    for key in path:
        inner = inner[key]
    inner[last] = value
    unknown["spec"]["noSuchField"] = True
    assert named in refusal(cluster, namespace, wrong)
    assert "noSuchField" in refusal(cluster, namespace, unknown)
