"""The training script gives the shipped model, and the readers of public sets refuse what is none."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from stock_analysis.sentiment.model import SHIPPED, load_model
from tools.sentiment.measures import expected_calibration_error, measure, vader
from tools.sentiment.texts import DataError, Text, drawn, labelled_half, sentfin, twitter, vader_archive


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tools.train_sentiment import build, write  # late: scikit-learn takes every worker 1.5 s

    path = tmp_path_factory.mktemp("model") / "model.npz"
    write(build(), path)
    return path


def test_training_gives_the_shipped_model_to_the_byte(trained: Path) -> None:
    assert trained.read_bytes() == SHIPPED.read_bytes()


def test_no_text_of_the_unseen_half_is_trained_on() -> None:
    for language in ("en", "ko"):
        unseen = {one.text for one in labelled_half("unseen", language)}
        assert not unseen & {one.text for one in [*drawn(language), *labelled_half("seen", language)]}


def test_the_model_is_better_than_vader_on_texts_it_never_saw() -> None:
    texts = labelled_half("unseen", "en")
    judged = load_model().judge([one.text for one in texts])
    ours = np.array([(one.negative, one.neutral, one.positive) for one in judged])
    assert measure("", ours, None, texts).accuracy > measure("", vader(texts), None, texts).accuracy + 0.1


def test_calibration_error_is_the_distance_of_what_is_claimed_and_what_holds() -> None:
    assert expected_calibration_error(np.array([0.8, 0.8]), np.array([True, False])) == pytest.approx(0.3)


def test_sentfin_is_read_where_all_entities_agree(tmp_path: Path) -> None:
    path = tmp_path / "sentfin.csv"
    path.write_text(
        "S No.,Title,Decisions,Words\n"
        '1,Ipsum gains,"{""Ipsum"": ""positive""}",2\n'
        '2,Ipsum up Dolor down,"{""Ipsum"": ""positive"", ""Dolor"": ""negative""}",4\n'
    )
    assert sentfin(path) == [Text("Ipsum gains", 2)]


def test_twitter_financial_news_is_read_in_its_own_order_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "sent_valid.csv"
    path.write_text("text,label\nfalls,0\nrises,1\nreports,2\n")
    assert [one.label for one in twitter(path)] == [0, 2, 1]


def test_another_file_is_refused_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no CSV file with the columns Decisions, Title"):
        sentfin(path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("--sentfin", "Title,Decisions\nIpsum,none\n", "row 2: Decisions is no dictionary"),
        ("--sentfin", 'Title,Decisions\nIpsum,"{""Ipsum"": ""good""}"\n', "unknown sentiment good"),
        ("--twitter", "text,label\nIpsum,7\n", "row 2: the label is none of 0, 1, 2"),
        ("--vader-archive", "no archive", "no source archive of vaderSentiment"),
        ("--model", "no model", "is damaged"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: str,
    told: str,
) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    monkeypatch.setattr("sys.argv", ["train_sentiment", "evaluate", name, str(path)])
    from tools.train_sentiment import main

    assert main() == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_the_rated_texts_of_the_archive_become_labels(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        content = b"1\t2.5\tthis is a good one\n2\t-1.0\tthis is bad\n3\t0.2\tthis is a thing\n"
        member = tarfile.TarInfo("hutto/tweets_GroundTruth.txt")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    path = tmp_path / "vader.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("v/additional_resources/hutto_ICWSM_2014.tar.gz")
        member.size = len(inner.getvalue())
        archive.addfile(member, io.BytesIO(inner.getvalue()))
    assert [one.label for one in vader_archive(path)["rated, not about stocks: tweets"]] == [2, 0, 1]
