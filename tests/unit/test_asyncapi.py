"""The contract of the events is what the code makes, and what was ever released stays readable."""

import json
from pathlib import Path

import pytest

from stock_analysis.domain.events import PAYLOADS, decode_payload, encode_payload
from stock_analysis.kit.events import Topic, topic_names
from tools.asyncapi import HEAD, contract

CHECKOUT = Path(__file__).parents[2]
SAMPLES = sorted((CHECKOUT / "tests" / "data" / "events").glob("*.json"))


def test_the_contract_is_what_the_code_makes() -> None:
    text = (CHECKOUT / "docs" / "asyncapi.yaml").read_text()
    assert text == contract(), "run `make generate` and commit it"
    whole = json.loads(text.removeprefix(HEAD))
    assert set(whole["channels"]) == set(topic_names())
    assert all(channel["description"] for channel in whole["channels"].values())
    assert {"ce_id", "ce_subject", "ce_requestid"} <= set(
        whole["components"]["schemas"]["Headers"]["properties"]
    )


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_of_a_released_version_stays_readable(sample: Path) -> None:
    """The name is TOPIC@SCHEMA; all that it says is still there when it is read and written again."""
    topic, _, schema = sample.stem.partition("@")
    payload = decode_payload(topic, schema, sample.read_bytes())
    written = json.loads(encode_payload(payload))
    assert json.loads(sample.read_bytes()).items() <= written.items()


def test_there_is_a_sample_of_every_payload_as_it_is_now() -> None:
    assert {f"{topic}@{payload.schema}" for topic, payload in PAYLOADS.items()} <= {
        sample.stem for sample in SAMPLES
    }
    assert set(PAYLOADS) == {one.value for one in Topic}
