"""What the test images decided, under the paper's protocol, they do not judge once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.made_up_studies import make

from spaces.budget import PAPER_BUDGET, Budget
from spaces.classifier import PAPER_ENCODER, ClassifierConfig
from spaces.config_files import TrainedWith
from spaces.errors import ConfigurationError, StudyError
from spaces.stages import CLASSIFIER
from studies.final import results
from studies.final.final_request import FinalRequest
from studies.final.plan import FinalPlan, plan_final
from studies.final.results import SeedResult
from studies.final.which_model import FinalModel, to_be_trained
from studies.networks.plain import build_encoder
from studies.records import encoders
from studies.records.settings import EncoderOrigin
from studies.storage.place import Place

SEED = SeedResult(0, 0.3, None, None, 0.3, None, 1.0, {}, "w")


def encoder(source: str) -> encoders.Encoder:
    weights = build_encoder(PAPER_ENCODER).state_dict()
    sha256 = encoders.digest(weights)
    return encoders.Encoder(EncoderOrigin(source, sha256=sha256, config=PAPER_ENCODER), weights)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Studies of both protocols, of autoencoders and of classifiers over their encoders."""
    place = Place.to_run(str(tmp_path / "s.db"), None)
    for suffix, budget in (("", Budget()), ("-paper", PAPER_BUDGET)):
        n_trials = 0 if suffix else 3
        make(place.storage, f"ae{suffix}", n_trials, budget=budget)
        start = encoder(f"ae{suffix}")
        stage = CLASSIFIER.name
        study = make(place.storage, f"clf{suffix}", n_trials, stage, budget, encoder=start.origin)
        encoders.keep(study, place.artifacts, start)
    make(place.storage, "clf-scratch-paper", 0, stage, PAPER_BUDGET, encoder=encoder("ae").origin)
    return place


def planned(place: Place, source: str, **changes: Any) -> FinalPlan:
    return plan_final(FinalRequest(source, storage=str(place.url.database), **changes))


@pytest.mark.parametrize("source", ["ae-paper", "clf-paper", "clf-scratch-paper"])
def test_what_the_test_images_chose_as_the_best_they_do_not_judge(
    place: Place, source: str
) -> None:
    with pytest.raises(StudyError, match=rf"chose {source}#\d.*--protocol paper, or.*paper:NAME"):
        planned(place, source)
    with pytest.raises(StudyError, match="chose clf-paper#"):
        planned(place, "clf-paper", encoder="scratch")
    assert planned(place, source, protocol="paper").budget.protocol == "paper"
    assert planned(place, source, repeat=True).budget == PAPER_BUDGET


def test_a_classifier_whose_encoder_the_test_images_have_judged_needs_another(
    place: Place,
) -> None:
    with pytest.raises(StudyError, match=r"encoder of clf-paper#2 was.*--encoder, such as paper"):
        planned(place, "clf-paper#2")
    with pytest.raises(StudyError, match="no autoencoders of the search protocol"):
        planned(place, "clf-paper#2", encoder="ae-paper#4")
    for plan in (
        planned(place, "clf-paper#2", encoder="scratch"),
        planned(place, "clf-scratch-paper#2"),
    ):
        assert plan.model.encoder is not None
        assert plan.model.encoder.weights == {}
    repeated = planned(place, "clf-paper#2", repeat=True)
    assert repeated.result.encoder == planned(place, "clf-paper#2", protocol="paper").result.encoder


def test_an_export_of_such_a_classifier_is_refused_as_its_trial_is(place: Place) -> None:
    trained = TrainedWith(0, PAPER_BUDGET)
    model = FinalModel(
        "exported", CLASSIFIER, ClassifierConfig(), trained, encoder=encoder("ae-paper")
    )
    final = Budget(protocol="final")
    with pytest.raises(StudyError, match="the encoder of exported was evaluated on the test"):
        to_be_trained(place, model, None, final)
    assert to_be_trained(place, model, None, PAPER_BUDGET) is model
    searched = replace(model, recorded=TrainedWith(0, Budget()))
    assert to_be_trained(place, searched, None, final) is searched


@pytest.mark.parametrize("source", ["ae", "clf", "ae#2", "clf#1", "ae-paper#4", "paper:channels"])
def test_what_was_fixed_before_or_chosen_by_other_images_is_judged_by_them(
    place: Place, source: str
) -> None:
    assert planned(place, source).result.judged_by.endswith("once, after the last epoch")


def test_a_repetition_is_none_of_the_seeds_that_a_mean_is_taken_over(
    place: Place, tmp_path: Path
) -> None:
    for source in ("ae-paper#4", "ae#2"):
        repeated = planned(place, source, repeat=True)
        protocol: Any = repeated.budget.protocol if source == "ae-paper#4" else "final"
        several = planned(place, source, protocol=protocol)
        assert repeated.folder != several.folder
        assert len(repeated.seeds) == 1
    made = replace(several.result, budget=repeated.budget, judged_by=repeated.result.judged_by)
    results.write(made.with_seed(SEED), tmp_path)
    with pytest.raises(StudyError, match=r"training with other seeds \(0\).*--out"):
        planned(place, "ae#2", repeat=True, out=tmp_path)


def test_a_default_encoder_for_classifiers_hinders_no_autoencoder(place: Place) -> None:
    filed = planned(place, "ae", encoder="scratch", not_typed={"encoder": "a file"})
    assert filed.model.encoder is None
    assert filed.folder == planned(place, "ae").folder
    with pytest.raises(ConfigurationError, match="this is an autoencoder"):
        planned(place, "ae", encoder="scratch")
