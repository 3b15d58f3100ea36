"""Which autoencoder a classifier starts from, from request to the weights in its network."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.opened import opened, run_search
from safetensors.torch import load_file, save

from spaces.budget import Budget
from spaces.classifier import ClassifierConfig
from spaces.errors import NoEncoderError, StudyError
from spaces.stages import AUTOENCODER, CLASSIFIER
from studies.engine.launch import SearchResult
from studies.engine.progress import Event
from studies.records import attributes, encoders, trials, weights
from studies.records.request import SearchRequest
from studies.records.settings import load
from studies.storage.place import Place
from studies.training.factory import TrainingFactory

SMALL = {"conv1_channels": "8", "conv2_channels": "16"}


class Storage:
    """One storage, and the searches that are run in it."""

    def __init__(self, folder: Path, data_dir: Path) -> None:
        self.file = folder / "studies.db"
        self.data_dir = data_dir
        self.place = Place.to_run(str(self.file), None)
        self.store = self.place.artifacts
        self.events: list[Event] = []

    def search(self, stage: str, **changes: Any) -> SearchResult:
        fields = {"trials": 1, "epochs": 1, "subset": 600, "jobs": 1, "only_paper": ()}
        asked = SearchRequest(**{**fields, "storage": str(self.file), **changes})
        record = AUTOENCODER if stage == "ae" else CLASSIFIER
        return run_search(asked, record, self.data_dir, self.events.append)

    def find(self, source: str | None, **budget: Any) -> encoders.Encoder:
        asked = Budget(**{"epochs": 1, "subset": 600, **budget})
        return encoders.find(self.place, source, asked)


@pytest.fixture
def storage(tmp_path: Path, data_dir: Path) -> Storage:
    return Storage(tmp_path, data_dir)


@pytest.mark.slow
def test_a_study_of_classifiers_keeps_its_encoder_and_says_where_it_is_from(
    storage: Storage, data_dir: Path
) -> None:
    source = storage.search("ae", space=SMALL, trials=2).study
    study = storage.search("clf").study
    best = min(source.get_trials(), key=lambda t: t.value or 1.0)
    origin = load(study).encoder
    assert origin is not None
    assert (origin.study, origin.trial, origin.loss) == (
        source.study_name,
        best.number,
        best.value,
    )
    stored = weights.load(opened(source, storage.store), best)
    own = {n.removeprefix("encoder."): t for n, t in stored.items() if n.startswith("encoder.")}
    assert origin.sha256 == hashlib.sha256(save(own)).hexdigest()
    file = encoders.weights_file(opened(study, storage.store))
    assert file is not None
    kept = load_file(file)
    assert kept.keys() == own.keys()
    trial = study.get_trials()[0]
    config = ClassifierConfig.from_dict(attributes.of(trial)[trials.CONFIG])
    training = TrainingFactory(data_dir, load(study).budget, 1, file.read_bytes())(config, 0)
    built = training.network.state_dict()
    for name, tensor in own.items():
        assert torch.equal(kept[name], tensor)
        assert torch.equal(built[f"encoder.{name}"], tensor)


@pytest.mark.slow
def test_a_study_goes_before_a_folder_of_its_name(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.search("ae", study="first", space=SMALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first").mkdir()
    assert storage.find("first").origin.study == "first"
    assert storage.find("first#0").origin.trial == 0
    with pytest.raises(StudyError, match="was not made by fmnist-search export"):
        storage.find("./first")


@pytest.mark.slow
def test_the_same_words_go_on_with_the_studys_own_encoder(storage: Storage) -> None:
    storage.search("ae", study="first", space=SMALL)
    before = load(storage.search("clf", encoder="first").study).encoder
    storage.search("ae", study="first", trials=6, sampler="random")
    storage.search("ae", study="second", space=SMALL, seed=1)
    storage.search("ae", study="twin", space=SMALL)  # of the same weights as the first
    for same in ("first", None, "twin"):
        finished = storage.search("clf", encoder=same, trials=2)
        assert load(finished.study).encoder == before
    with pytest.raises(StudyError, match=r"encoder: second#0 .* not first#0"):
        storage.search("clf", encoder="second")
    fresh = storage.search("clf", encoder="second", new=True).study
    assert encoders_name(fresh) == "second#0"


def encoders_name(study: Any) -> str:
    return str(load(study).encoder)


@pytest.mark.slow
def test_the_papers_encoder_must_have_been_trained_on_no_less(storage: Storage) -> None:
    with pytest.raises(NoEncoderError, match="fmnist-search ae --trials 0"):
        storage.find("paper")
    study = storage.search("ae", trials=0, only_paper=("dropout",)).study
    with pytest.raises(NoEncoderError, match="the paper's best configuration"):
        storage.find("paper")
    with pytest.raises(NoEncoderError, match="has no trained autoencoder of the paper's best"):
        encoders.papers_best(study)
    storage.search("ae", study="bare", trials=0, only_paper=("channels",), keep_weights="none")
    with pytest.raises(StudyError, match=r"not kept.*fmnist-search ae --study again --trials 0$"):
        storage.find("paper")
    study = storage.search("ae", trials=0, only_paper=("channels",)).study
    found = storage.find("paper")
    assert str(found.origin) == encoders.papers_best(study)
    for more in ({"epochs": 2}, {"subset": 700}, {"subset": None}, {"protocol": "paper"}):
        with pytest.raises(NoEncoderError):
            storage.find("paper", **more)


@pytest.mark.slow
def test_an_encoder_that_saw_the_judging_images_is_refused(storage: Storage) -> None:
    storage.search("ae", study="seen", trials=0, protocol="paper", only_paper=("dropout",))
    with pytest.raises(StudyError, match="holds no autoencoders of the search protocol"):
        storage.find("seen")
    with pytest.raises(NoEncoderError, match="fmnist-search ae --trials 50"):
        storage.find(None)
    assert storage.find("seen", protocol="paper").origin.study == "seen"


def test_without_any_autoencoder_the_error_says_what_to_type(storage: Storage) -> None:
    with pytest.raises(NoEncoderError, match="make one: fmnist-search ae --trials 50"):
        storage.search("clf")
    with pytest.raises(NoEncoderError, match="fmnist-search ae --protocol paper --trials 0"):
        storage.search("clf", protocol="paper", trials=0)


def test_random_weights_need_no_autoencoder(storage: Storage) -> None:
    found = storage.find("scratch")
    assert found.weights == {}
    assert found.origin.source == "scratch"
