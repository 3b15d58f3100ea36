"""The file of figures: what it sums up, what it is taken for, and what it is called."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, create_trial
from sqlalchemy.engine import make_url

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import PAPER_ENCODER, ClassifierConfig
from spaces.errors import StudyError
from spaces.space import fingerprint
from studies.data.images import CLASS_NAMES
from studies.files import places
from studies.final.results import (
    FILE,
    FinalResult,
    SeedResult,
    default_name,
    differences,
    read,
    read_all,
    results_folder,
    there,
    write,
)
from studies.records import trials
from studies.records.scores import added, class_scores, mean_with_interval, standard_error
from studies.records.settings import EncoderOrigin, StudySettings
from studies.storage.databases import storage_url


def of_seed(seed: int, loss: float, accuracy: float | None = None) -> SeedResult:
    """A seed's figures; a classifier's where it has an accuracy."""
    confusion = None
    if accuracy is not None:
        confusion = [[seed + row * column for column in range(10)] for row in range(10)]
    return SeedResult(
        seed=seed,
        loss=loss,
        accuracy=accuracy,
        confusion=confusion,
        train_loss=0.1,
        train_accuracy=accuracy,
        seconds=1.5,
        epochs={"epoch": [1], "train_loss": [0.1]},
        weights=f"seed{seed}.safetensors",
    )


ORIGIN = EncoderOrigin("ae", "ae", 3, 0.02, sha256="0" * 64, config=PAPER_ENCODER)
AUTOENCODERS = FinalResult(
    name="größer",
    source="ae",
    stage="autoencoder",
    configuration=AutoencoderConfig(conv1_channels=8).to_dict(),
    words="8/32 ch, max/max",
    budget=Budget(epochs=2, subset=600, protocol="final"),
    judged_by="10,000 test images",
    encoder=None,
    n_threads=1,
    made_with={"torch": "2.13.0"},
    seeds=(of_seed(0, 0.25), of_seed(1, 0.5)),
)
CLASSIFIERS = replace(
    AUTOENCODERS,
    stage="classifier",
    configuration=ClassifierConfig(fc_width=16).to_dict(),
    encoder=ORIGIN,
    seeds=(of_seed(0, 0.3, 0.91), of_seed(1, 0.4, 0.93)),
)
BOTH = pytest.mark.parametrize("result", [AUTOENCODERS, CLASSIFIERS], ids=lambda r: r.stage)


@BOTH
@pytest.mark.parametrize("n_seeds", [0, 1, 2])
def test_figures_are_read_as_they_were_written(
    tmp_path: Path, result: FinalResult, n_seeds: int
) -> None:
    written = replace(result, seeds=result.seeds[:n_seeds])
    write(written, tmp_path)
    assert read(tmp_path) == written
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_an_autoencoder_is_summed_up_by_the_mean_of_its_losses() -> None:
    mean = mean_with_interval([0.25, 0.5])
    assert AUTOENCODERS.values() == [0.25, 0.5]
    assert AUTOENCODERS.to_dict()["summary"] == {"metric": "loss", "n_seeds": 2, **mean._asdict()}


def test_a_classifier_is_summed_up_by_its_accuracies_and_by_class() -> None:
    matrices = [seed.confusion for seed in CLASSIFIERS.seeds if seed.confusion is not None]
    counts = added(matrices)
    assert CLASSIFIERS.values() == [0.91, 0.93]
    assert CLASSIFIERS.to_dict()["summary"] == {
        "metric": "accuracy",
        "n_seeds": 2,
        **mean_with_interval([0.91, 0.93])._asdict(),
        "error_of_images": standard_error(0.92, CLASSIFIERS.budget.n_judging),
        "classes": [
            {"name": name, "precision": score.precision, "recall": score.recall}
            for name, score in zip(CLASS_NAMES, class_scores(counts), strict=True)
        ],
        "confusion": counts,
    }


@BOTH
def test_without_a_seed_there_is_nothing_to_sum_up(result: FinalResult) -> None:
    assert replace(result, seeds=()).to_dict()["summary"] == {}


@BOTH
def test_seeds_stand_in_their_order_whichever_ends_first(result: FinalResult) -> None:
    one, other = result.seeds
    assert replace(result, seeds=()).with_seed(other).with_seed(one) == result


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "autoencoder"},
        {"configuration": ClassifierConfig(fc_width=32).to_dict()},
        {"budget": Budget(epochs=3, subset=600, protocol="final")},
        {"judged_by": "10,000 of the training images"},
        {"n_threads": 2},
        {"data": "0" * 64},
        {"encoder": None},
        {"encoder": replace(ORIGIN, sha256="1" * 64)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_would_train_other_weights_is_another_training(change: dict[str, Any]) -> None:
    other = replace(CLASSIFIERS, **change)
    assert differences(CLASSIFIERS.identity(), other.identity())
    assert differences(other.identity(), CLASSIFIERS.identity())


@pytest.mark.parametrize(
    "change",
    [
        {"name": "n"},
        {"source": "s"},
        {"words": "w"},
        {"made_with": {}},
        {"seeds": ()},
        {"encoder": replace(ORIGIN, study="other", trial=4, loss=None)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_by_another_name_it_is_the_same_training(change: dict[str, Any]) -> None:
    assert differences(CLASSIFIERS.identity(), replace(CLASSIFIERS, **change).identity()) == ""


@BOTH
def test_a_folder_of_another_training_is_refused_with_what_differs(
    tmp_path: Path, result: FinalResult
) -> None:
    assert there(result, tmp_path) == result
    write(replace(result, seeds=()), tmp_path)
    assert there(result, tmp_path).seeds == ()
    edited = replace(result, configuration={**result.configuration, "dropout": 0.4})
    with pytest.raises(
        StudyError, match=r"contains another training.*\(dropout 0\.4, not 0"
    ) as raised:
        there(edited, tmp_path)
    assert "--out" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_results_of_earlier_versions_are_read(tmp_path: Path) -> None:
    table = AUTOENCODERS.to_dict()
    del table["data"]
    for seed in table["seeds"]:
        del seed["sha256"]
    (tmp_path / FILE).write_text(json.dumps(table))
    assert there(AUTOENCODERS, tmp_path) == AUTOENCODERS


def test_a_folder_without_the_file_holds_no_result(tmp_path: Path) -> None:
    assert read(tmp_path) is None


def trial_of(result: FinalResult) -> FrozenTrial:
    """A trial of the same configuration."""
    return create_trial(value=0.5, user_attrs={trials.FINGERPRINT: fingerprint(result.config)})


def test_a_result_is_of_a_trial_of_its_configuration_over_its_encoder() -> None:
    settings = StudySettings("classifier", encoder=replace(ORIGIN, study="other", trial=4))
    assert CLASSIFIERS.is_of(trial_of(CLASSIFIERS), settings)
    edited = replace(CLASSIFIERS, configuration=ClassifierConfig(fc_width=32).to_dict())
    assert not CLASSIFIERS.is_of(trial_of(edited), settings)
    for encoder in (None, replace(ORIGIN, sha256="1" * 64)):
        assert not CLASSIFIERS.is_of(trial_of(CLASSIFIERS), replace(settings, encoder=encoder))


def test_defaults_of_one_stage_are_not_those_of_the_other() -> None:
    ae = replace(AUTOENCODERS, configuration=AutoencoderConfig().to_dict())
    clf = replace(ae, stage="classifier", configuration=ClassifierConfig().to_dict())
    assert not ae.is_of(trial_of(clf), StudySettings("classifier"))
    assert ae.is_of(trial_of(ae), StudySettings("autoencoder"))


def rewritten(folder: Path, **changes: Any) -> None:
    """A result's file that says something else in some of its fields; None leaves one out."""
    table = AUTOENCODERS.to_dict() | changes
    kept = {name: value for name, value in table.items() if name not in changes or value}
    (folder / FILE).write_text(json.dumps(kept), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": "fmnist-search result 0"}, "it was made by another version"),
        ({"format": None}, "'format'"),
        ({"summary": None}, "'summary'"),
        ({"n_threads": None}, "n_threads: field required"),
        ({"budget": {"epochs": 0}}, "budget.epochs: input should be greater than"),
        ({"seeds": [{"seed": 0}]}, "seeds.0.loss: field required"),
        ({"seeds": [{"seed": "0"}]}, "seeds.0.seed: input should be a valid integer; got '0'"),
        ({"mood": "good"}, "mood: unexpected keyword argument; got 'good'"),
        ({"configuration": {"mood": "good"}}, "mood"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_its_path(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    rewritten(tmp_path, **change)
    with pytest.raises(StudyError) as refused:
        read(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / FILE} contains no results of ")
    assert reason in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"[]", b'"result"', b"\xff"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StudyError, match="contains no results"):
        read(tmp_path)


def test_all_results_are_found_by_name_whatever_lies_between_them(tmp_path: Path) -> None:
    names = ["a", "c", "e"]
    for name in names:
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        write(replace(AUTOENCODERS, name=name), folder)
    (tmp_path / "results" / "b-without-a-file").mkdir()
    damaged = tmp_path / "results" / "d-damaged"
    damaged.mkdir()
    (damaged / FILE).write_text("{")
    found = read_all(storage_url(str(tmp_path / "studies.db")))
    assert [result.name for result in found] == names


def test_results_lie_beside_an_sqlite_file_and_else_in_the_users_folder(tmp_path: Path) -> None:
    assert results_folder(storage_url(str(tmp_path / "s.db"))) == tmp_path / "results"
    assert results_folder(make_url("postgresql://host/studies")) == places.studies() / "results"


@pytest.mark.parametrize(
    ("source", "budget", "encoder", "name"),
    [
        ("paper:fc-sgd", Budget(protocol="final"), None, "paper-fc-sgd"),
        ("paper:fc-sgd", Budget(2, None, "final"), None, "paper-fc-sgd-epochs2"),
        ("clf#7", Budget(30, 6000, "final"), "scratch", "clf-7-scratch-subset6000"),
        ("clf", Budget(1, 600, "paper"), "../X 1/w", "clf-X-1-w-paper-epochs1-subset600"),
        ("./X files/größer.json", Budget(), None, "X-files-größer.json-search"),
        ("../..", Budget(protocol="final"), None, "model"),
    ],
)
def test_a_folders_name_says_what_differs_from_the_papers_training(
    source: str, budget: Budget, encoder: str | None, name: str
) -> None:
    assert default_name(source, budget, encoder) == name
