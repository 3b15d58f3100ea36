"""A study is made whole, or the same command makes it whole."""

from dataclasses import replace
from pathlib import Path

import optuna
import pytest
import torch
from helpers.made_up_studies import ORIGIN, make

from spaces.errors import StudyError
from spaces.stages import AUTOENCODER, CLASSIFIER
from studies.engine.opening import (
    Resolution,
    is_untouched,
    open_study,
    over_encoder,
    resolve,
)
from studies.records import encoders, settings
from studies.records.request import SearchRequest
from studies.records.settings import EncoderOrigin, StudySettings, is_ours
from studies.storage.place import Place


class KilledError(Exception):
    """A process that dies here."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.to_run(str(tmp_path / "studies.db"), None)


def killed(*_: object) -> None:
    raise KilledError


def test_a_study_is_ours_or_untouched_by_what_it_holds() -> None:
    study = optuna.create_study()
    assert is_untouched(study)
    assert not is_ours(study)
    settings.write(study, StudySettings("autoencoder"))
    assert is_ours(study)
    assert not is_untouched(study)
    asked, noted = optuna.create_study(), optuna.create_study()
    asked.ask()
    noted.set_user_attr("mine", 1)
    assert not is_untouched(asked)
    assert not is_untouched(noted)


def test_a_study_of_classifiers_that_was_killed_over_its_encoder_is_made_by_the_same_command(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = StudySettings(
        "classifier", metric="validation_accuracy", direction="maximize", encoder=ORIGIN
    )
    encoder = encoders.Encoder(ORIGIN, {"w": torch.zeros(3)})
    with monkeypatch.context() as patch:
        patch.setattr(settings, "write", killed)
        with pytest.raises(KilledError):
            open_study(place, Resolution("clf", made, encoder))
    request = SearchRequest(study="clf", storage=place.name, trials=0)
    with monkeypatch.context() as patch:
        patch.setattr(encoders, "find", lambda *_: encoder)
        resolution = resolve(place, request, CLASSIFIER)
    opened = open_study(place, resolution)
    assert is_ours(opened.study)
    assert encoders.artifact_id(opened.study) is not None


def test_a_new_study_that_was_killed_at_its_start_takes_over_when_made_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make(place.storage, "ae", n_trials=3, share_pruned=0)
    request = SearchRequest(study="ae", new=True, storage=place.name, epochs=6)
    write = settings.write
    for dies_in in ("write", None):
        with monkeypatch.context() as patch:
            patch.setattr(settings, "write", killed if dies_in else write)
            resolution = resolve(place, request, AUTOENCODER)
            assert resolution.name == "ae-2"
            if dies_in:
                with pytest.raises(KilledError):
                    open_study(place, resolution)
            else:
                opened = open_study(place, resolution)
    assert len(opened.trials()) == len(before.get_trials())


def test_classifiers_over_another_encoder_get_a_study_of_their_own(place: Place) -> None:
    usual = SearchRequest(epochs=6)
    fresh = over_encoder(place.storage, usual, "ae-wide")
    assert (fresh.study, fresh.encoder) == (None, "ae-wide")
    origin = replace(ORIGIN, study="ae", trial=3)
    make(place.storage, "clf-epochs6", 0, stage="classifier", encoder=origin)
    for trial in (None, 3):
        same = over_encoder(place.storage, usual, "ae", trial)
        assert (same.study, same.encoder) == (None, None), "it goes on with its own encoder"
    better = over_encoder(place.storage, usual, "ae", 7)
    assert (better.study, better.encoder) == ("clf-epochs6-ae", "ae")
    other = over_encoder(place.storage, usual, "ae-wide")
    assert (other.study, other.encoder) == ("clf-epochs6-ae-wide", "ae-wide")
    named = over_encoder(place.storage, usual, "ae-wide-epochs6")
    assert named.study == "clf-ae-wide-epochs6", "the budget is said once"
    make(place.storage, "clf-epochs6-ae-wide", 0)
    assert over_encoder(place.storage, usual, "ae-wide").study == "clf-epochs6-ae-wide-2"


def test_an_encoder_is_another_by_its_weights_and_shape_and_not_by_its_name(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(encoder: str | None, found: EncoderOrigin) -> Resolution:
        monkeypatch.setattr(encoders, "find", lambda *_: encoders.Encoder(found, {}))
        request = SearchRequest(study="clf", storage=place.name, encoder=encoder)
        return resolve(place, request, CLASSIFIER)

    open_study(place, asked(None, ORIGIN))
    other = EncoderOrigin("best/", sha256="bb", config=ORIGIN.config)
    assert asked(None, other).settings.encoder == ORIGIN, "a study goes on with its own"
    with pytest.raises(StudyError, match="encoder: best/ bb, not best aa"):
        asked("best", other)
    same = EncoderOrigin("ae-wide", "ae-wide", 4, sha256="aa", config=ORIGIN.config)
    assert asked("ae-wide", same).settings.encoder == ORIGIN
