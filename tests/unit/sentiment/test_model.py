"""Which way a text leans, and what is said where that is not known."""

from pathlib import Path

import numpy as np
import pytest

from stock_analysis.sentiment.features import MAX_TOKENS, features
from stock_analysis.sentiment.languages import language_of
from stock_analysis.sentiment.model import SHIPPED, ModelError, digest_of, load_model
from tools.sentiment.texts import labelled_half

MODEL = load_model()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("$ABC crushed earnings, guidance raised", "positive"),
        ("ABC plunges after profit warning", "negative"),
        ("ABC to report earnings Thursday", "neutral"),
        ("삼성전자 신고가 경신, 역대 최대 실적", "positive"),
        ("삼성전자 어닝쇼크에 급락, 적자 전환", "negative"),
    ],
)
def test_plain_texts_are_judged_as_people_would(text: str, label: str) -> None:
    (judged,) = MODEL.judge([text])
    assert judged.label == label
    assert judged.score == pytest.approx(judged.positive - judged.negative)
    assert judged.negative + judged.neutral + judged.positive == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("die Aktie ist nicht mehr zu retten und das weiss jeder", "mul"),
        ("株価は大きく上昇した", "mul"),
        ("акции выросли", "mul"),
        ("🚀🚀🚀", "und"),
        ("", "und"),
        ("12 34 %", "und"),
        ("\u200b\u202e", "und"),
        ("zxqv wvut qponm", "en"),
    ],
)
def test_what_the_model_does_not_know_is_unsure_and_weighs_nothing(text: str, language: str) -> None:
    (judged,) = MODEL.judge([text])
    assert (judged.language, judged.label, judged.score) == (language, "unsure", 0.0)
    assert judged.negative == judged.neutral == judged.positive


def test_a_text_whose_likeliest_label_is_not_likely_is_unsure() -> None:
    judged = MODEL.judge([one.text for one in labelled_half("seen", "en")])
    unlikely = [one for one in judged if max(one.negative, one.neutral, one.positive) < 0.5]
    assert unlikely
    assert {one.label for one in unlikely} == {"unsure"}
    assert "unsure" not in {one.label for one in judged if one not in unlikely}


@pytest.mark.parametrize("text", ["\ud800", "\x00", "<" * 1000, "a " * 50_000, "&#99999999;", "삼" * 100_000])
def test_any_text_has_a_judgement(text: str) -> None:
    (judged,) = MODEL.judge([text])
    assert -1 <= judged.score <= 1


def test_only_the_beginning_of_a_very_long_text_is_read() -> None:
    assert len(features("up " * 50_000, "en")) <= 2 * MAX_TOKENS


def test_markup_and_hidden_characters_change_no_judgement() -> None:
    plain, hidden = MODEL.judge(["ABC plunges on weak sales", "<b>ABC</b> plun\u200bges on &#119;eak sales"])
    assert plain == hidden


def test_the_language_is_told_by_the_letters_and_the_small_words() -> None:
    assert language_of("Apple and Samsung 삼성전자") == "en"
    assert language_of("Apple 주가가 올랐다") == "ko"
    assert language_of("la bolsa de los valores no es para todos") == "mul"


def _arrays() -> dict[str, np.ndarray]:
    with np.load(SHIPPED, allow_pickle=False) as file:
        return {key: file[key] for key in file.files if key != "digest"}


def _written(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(path, allow_pickle=False, **arrays, digest=np.frombuffer(digest_of(arrays), np.uint8))
    return path


def test_a_missing_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be read: No such file.*reinstall the platform"):
        load_model(tmp_path / "none.npz")


@pytest.mark.parametrize("at", [0, 1000, 50_000, 100_000, -10])
def test_a_damaged_file_is_told(tmp_path: Path, at: int) -> None:
    content = bytearray(SHIPPED.read_bytes())
    content[at] ^= 0x55
    damaged = tmp_path / "model.npz"
    damaged.write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        load_model(damaged)


@pytest.mark.parametrize("length", [0, 1, 100, 20_000, -1])
def test_a_cut_file_is_told(tmp_path: Path, length: int) -> None:
    cut = tmp_path / "model.npz"
    cut.write_bytes(SHIPPED.read_bytes()[:length])
    with pytest.raises(ModelError, match="damaged"):
        load_model(cut)


def test_a_changed_weight_is_told(tmp_path: Path) -> None:
    arrays = _arrays()
    digest = digest_of(arrays)
    arrays["en_weights"] = arrays["en_weights"] + 1
    path = tmp_path / "model.npz"
    np.savez(path, allow_pickle=False, **arrays, digest=np.frombuffer(digest, np.uint8))
    with pytest.raises(ModelError, match="digest does not fit"):
        load_model(path)


def test_another_format_is_told_with_both_numbers(tmp_path: Path) -> None:
    path = _written(tmp_path / "model.npz", _arrays() | {"format": np.array(2, np.int32)})
    with pytest.raises(ModelError, match="has format 2, not 1"):
        load_model(path)


def test_arrays_that_do_not_fit_one_another_are_told(tmp_path: Path) -> None:
    path = _written(tmp_path / "model.npz", _arrays() | {"en_bias": np.zeros(2)})
    with pytest.raises(ModelError, match="arrays of en do not fit"):
        load_model(path)


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, format=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ModelError, match="damaged"):
        load_model(path)
