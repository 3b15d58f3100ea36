"""The final protocol, on small models: what is judged, by which images, and what a stop costs."""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.opened import run_search
from safetensors.torch import load_file, save
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import ClassifierConfig
from spaces.config_files import ConfigFile, write_config
from spaces.errors import ConfigurationError, DataError, StudyError, TrainingDivergedError
from spaces.space import Configuration
from spaces.stages import AUTOENCODER, CLASSIFIER
from studies.data.idx_files import FILES
from studies.data.images import load_split, load_test
from studies.engine.progress import Notice
from studies.final import results
from studies.final.final_request import FinalRequest
from studies.final.plan import plan_final
from studies.final.protocol import FinalEvent, SeedDone, SeedStarted, train_final
from studies.final.results import FinalResult
from studies.networks.evaluation import predict
from studies.networks.plain import Classifier, build
from studies.records import pictures
from studies.records.request import SearchRequest
from studies.training.metrics import Outcome
from studies.workers.in_process import InProcess
from studies.workers.pool import EpochDone
from studies.workers.stopping import Interrupted, StopSignal

SMALL = AutoencoderConfig(conv1_channels=4, conv2_channels=6)
CLASSIFIES = ClassifierConfig(fc_width=16, dropout=0.1, encoder=SMALL)


class Finals:
    """Trains into one folder, and keeps what was told."""

    def __init__(self, folder: Path, data_dir: Path) -> None:
        self.folder = folder
        self.data_dir = data_dir
        self.events: list[FinalEvent] = []

    def config(self, config: Configuration) -> str:
        path = self.folder / f"{type(config).__name__}.json"
        stage = CLASSIFIER if isinstance(config, ClassifierConfig) else AUTOENCODER
        write_config(path, ConfigFile(stage, config), "")
        return str(path)

    def request(self, config: Configuration = CLASSIFIES, **changes: Any) -> FinalRequest:
        encoder = "scratch" if isinstance(config, ClassifierConfig) else None
        asked = FinalRequest(
            self.config(config),
            seeds=2,
            epochs=2,
            subset=600,
            encoder=encoder,
            jobs=1,
            storage=str(self.folder / "studies.db"),
            out=self.folder / "out",
        )
        return replace(asked, **changes)

    def train(
        self,
        request: FinalRequest,
        on_event: Callable[[FinalEvent], None] = lambda _: None,
    ) -> FinalResult:
        def listen(event: FinalEvent) -> None:
            self.events.append(event)
            on_event(event)

        plan = plan_final(request)
        return train_final(plan, request, self.data_dir, listen, StopSignal())


@pytest.fixture
def finals(tmp_path: Path, data_dir: Path) -> Finals:
    return Finals(tmp_path, data_dir)


def without_times(result: FinalResult) -> dict[str, Any]:
    table = result.to_dict()
    for seed in table["seeds"]:
        for name in ("seconds", "evaluation_seconds"):
            seed["epochs"].pop(name)
        seed.pop("seconds")
    return table


def of_seed(result: FinalResult, index: int) -> dict[str, Any]:
    seed: dict[str, Any] = without_times(result)["seeds"][index]
    return seed


def training_files_alone(data_dir: Path, folder: Path) -> Path:
    """A data folder without the test images."""
    folder.mkdir()
    for file in FILES:
        if file.name.startswith("train"):
            (folder / file.name).symlink_to((data_dir / file.name).resolve())
    assert len(list(folder.iterdir())) == 2
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "name"), [(CLASSIFIES, "confusion-matrix.png"), (SMALL, "reconstructions.png")]
)
def test_a_picture_shows_what_was_trained(
    finals: Finals, data_dir: Path, config: Configuration, name: str
) -> None:
    result = finals.train(finals.request(config, epochs=1))
    counts = result.confusion()
    if counts is not None:
        wanted = pictures.confusion(torch.tensor(counts))
    else:
        network = build(config)
        network.load_state_dict(load_file(finals.folder / "out" / result.seeds[0].weights))
        _, wanted = pictures.of_network(network, load_test(data_dir), None)
    assert (finals.folder / "out" / name).read_bytes() == wanted


@pytest.mark.slow
def test_the_figures_are_those_of_the_stored_weights_on_the_test_images(
    finals: Finals, data_dir: Path
) -> None:
    result = finals.train(finals.request())
    test = load_test(data_dir)
    assert len(test) == 10_000
    for seed in result.seeds:
        network = build(CLASSIFIES)
        network.load_state_dict(load_file(finals.folder / "out" / seed.weights))
        assert isinstance(network, Classifier)
        probabilities = predict(network, test)
        taken_for = probabilities.argmax(1)
        assert seed.accuracy == pytest.approx(accuracy_score(test.labels, taken_for))
        assert seed.confusion == confusion_matrix(test.labels, taken_for).tolist()
        own = probabilities.double()
        expected = log_loss(test.labels, own / own.sum(1, keepdim=True))
        assert seed.loss == pytest.approx(expected, rel=1e-4)
    file = json.loads((finals.folder / "out" / "result.json").read_text())
    assert file["format"] == "fmnist-search result 1"
    assert [seed["accuracy"] for seed in file["seeds"]] == result.values()
    assert file["summary"]["n_seeds"] == 2
    assert sum(map(sum, file["summary"]["confusion"])) == 20_000
    assert results.read(finals.folder / "out") == result


@pytest.mark.slow
def test_an_autoencoder_is_judged_by_its_error_on_the_test_images(
    finals: Finals, data_dir: Path
) -> None:
    seed = finals.train(finals.request(SMALL, seeds=1)).seeds[0]
    network = build(SMALL).eval()
    network.load_state_dict(load_file(finals.folder / "out" / seed.weights))
    pixels = load_test(data_dir).pixels[:, None] / 127.5 - 1
    with torch.inference_mode():
        errors = [(network(part) - part).square().mean() for part in pixels.split(1_000)]
    assert seed.loss == pytest.approx(float(torch.stack(errors).mean()), rel=1e-4)
    assert (seed.accuracy, seed.confusion) == (None, None)


def test_all_training_images_are_trained_on_and_none_is_held_out(data_dir: Path) -> None:
    split = load_split(data_dir, Budget(protocol="final"))
    assert (len(split.train), len(split.validation)) == (60_000, 0)
    part = load_split(data_dir, Budget(subset=600, protocol="final")).train
    assert part.labels.bincount().tolist() == [60] * 10


@pytest.mark.slow
def test_the_test_images_are_not_opened_before_a_seed_is_through(
    finals: Finals, data_dir: Path
) -> None:
    finals.data_dir = training_files_alone(data_dir, finals.folder / "data")
    with pytest.raises(DataError, match="t10k"):
        finals.train(finals.request(seeds=1))
    trained = [e for e in finals.events if isinstance(e, EpochDone)]
    assert [e.metrics.epoch for e in trained] == [1, 2]
    assert not any(isinstance(e, SeedDone) for e in finals.events)


@pytest.mark.slow
def test_searching_both_stages_does_without_the_test_images(tmp_path: Path, data_dir: Path) -> None:
    folder = training_files_alone(data_dir, tmp_path / "data")
    for stage in (AUTOENCODER, CLASSIFIER):
        names = (stage.run_order[0],)
        request = SearchRequest(
            trials=1, epochs=1, subset=600, jobs=1, only_paper=names, storage=str(tmp_path / "s.db")
        )
        finished = run_search(request, stage, folder)
        assert (finished.state.n_searched, finished.state.n_paper) == (1, 1)
    request = replace(request, protocol="paper", trials=0, encoder="scratch")
    with pytest.raises(DataError, match="t10k"):
        run_search(request, CLASSIFIER, folder)


@pytest.mark.slow
def test_more_seeds_keep_those_that_are_done(finals: Finals) -> None:
    first = finals.train(finals.request(seeds=1))
    finals.events.clear()
    both = finals.train(finals.request(seeds=2))
    assert [e.seed for e in finals.events if isinstance(e, SeedStarted)] == [1]
    assert both.seeds[0] == first.seeds[0]
    assert both.seeds[0].loss != both.seeds[1].loss
    finals.events.clear()
    assert finals.train(finals.request(seeds=2)) == both
    assert finals.events == []


@pytest.mark.slow
def test_an_interrupt_loses_no_finished_seed_and_the_rest_ends_as_if_never_stopped(
    finals: Finals,
) -> None:
    whole = finals.train(finals.request())

    def stop(event: FinalEvent) -> None:
        if isinstance(event, EpochDone) and (event.number, event.metrics.epoch) == (1, 1):
            signal.raise_signal(signal.SIGINT)

    asked = finals.request(out=finals.folder / "stopped")
    with pytest.raises(Interrupted):
        finals.train(asked, stop)
    kept = results.read(finals.folder / "stopped")
    assert kept is not None
    assert [seed.seed for seed in kept.seeds] == [0]
    resumed = finals.train(asked)
    assert resumed.seeds[0] == kept.seeds[0]
    assert [of_seed(resumed, i) for i in (0, 1)] == [of_seed(whole, i) for i in (0, 1)]
    for seed in (0, 1):
        stored, other = (
            load_file(finals.folder / name / f"seed{seed}.safetensors")
            for name in ("out", "stopped")
        )
        assert all(torch.equal(stored[name], other[name]) for name in stored)


@pytest.fixture
def stopped(finals: Finals, monkeypatch: pytest.MonkeyPatch) -> FinalRequest:
    """A request that was stopped in its second epoch, after a state was stored."""
    monkeypatch.setattr(
        "studies.workers.trainings.CHECKPOINT_SHARE", float("inf")
    )  # after every epoch
    asked = finals.request(seeds=1, epochs=3)

    def stop(event: FinalEvent) -> None:
        if isinstance(event, EpochDone) and event.metrics.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        finals.train(asked, stop)
    assert (finals.folder / "out" / "seed0.state.safetensors").exists()
    finals.events.clear()
    return asked


def epochs_told(finals: Finals) -> list[int]:
    return [e.metrics.epoch for e in finals.events if isinstance(e, EpochDone)]


@pytest.mark.slow
def test_an_edited_configuration_goes_on_from_no_state_of_the_old_one(
    finals: Finals, stopped: FinalRequest
) -> None:
    finals.config(replace(CLASSIFIES, dropout=0.0))  # in the same file
    with pytest.raises(StudyError, match=r"contains another training.*dropout 0\.0, not 0\.1"):
        finals.train(stopped)
    record = finals.folder / "out" / "result.json"
    assert json.loads(record.read_text())["seeds"] == []
    record.unlink()
    with pytest.raises(StudyError, match=r"state of another training \(dropout 0\.0, not 0\.1\)"):
        finals.train(stopped)
    assert finals.events == []
    finals.config(CLASSIFIES)
    finals.train(stopped)
    assert isinstance(finals.events[0], SeedStarted)
    assert epochs_told(finals) == [1, 2, 3], "the first of them from the state"


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["a bit", "half", "an earlier version's"])
def test_a_state_that_is_not_as_it_was_written_is_left_aside_and_the_seed_trained_anew(
    finals: Finals, stopped: FinalRequest, damage: str
) -> None:
    file = finals.folder / "out" / "seed0.state.safetensors"
    content = bytearray(file.read_bytes())
    if damage == "a bit":
        content[-1] ^= 1
    elif damage == "half":
        content = content[: len(content) // 2]
    else:
        tensors, header = load_file(file), {"epochs": '{"epoch": [1, 2]}'}
        content = bytearray(save(tensors, header))
    file.write_bytes(content)
    again = finals.train(stopped)
    notice = next(e for e in finals.events if isinstance(e, Notice))
    assert notice.text.startswith(f"seed 0 begins again: {file} is ")
    assert epochs_told(finals) == [1, 2, 3]
    whole = finals.train(replace(stopped, out=finals.folder / "whole"))
    assert of_seed(again, 0) == of_seed(whole, 0)


@pytest.mark.slow
def test_a_network_whose_weights_are_not_finite_is_no_result(
    finals: Finals, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = InProcess.end

    def ends(pool: InProcess, number: int, with_weights: bool) -> Outcome | None:
        outcome = end(pool, number, with_weights)
        assert outcome is not None
        assert outcome.weights is not None
        outcome.weights["encoder.conv1.bias"][0] = float("-inf")  # the loss may still be finite
        return outcome

    monkeypatch.setattr(InProcess, "end", ends)
    with pytest.raises(TrainingDivergedError, match=r"encoder\.conv1\.bias that is not finite"):
        finals.train(finals.request(seeds=1, epochs=1))
    assert not list((finals.folder / "out").glob("seed*"))


@pytest.mark.slow
def test_files_have_the_rights_that_the_umask_leaves(finals: Finals) -> None:
    before = os.umask(0o027)
    try:
        seed = finals.train(finals.request(seeds=1, epochs=1)).seeds[0]
    finally:
        os.umask(before)
    out = finals.folder / "out"
    modes = {path.name: path.stat().st_mode & 0o777 for path in out.iterdir()}
    del modes[".lock"]
    names = ("confusion-matrix.png", "result.json", "seed0.safetensors")
    assert modes == dict.fromkeys(names, 0o640)
    assert hashlib.sha256((out / seed.weights).read_bytes()).hexdigest() == seed.sha256


@pytest.mark.slow
def test_a_seed_whose_memory_ran_out_or_whose_worker_died_at_its_end_is_trained_again(
    finals: Finals, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = finals.train(finals.request(seeds=1))
    end, go_on = InProcess.end, InProcess.go_on
    faults = ["memory", "end"]

    def no_memory() -> EpochDone:
        raise MemoryError

    def goes_on(pool: InProcess, number: int) -> None:
        go_on(pool, number)
        if "memory" in faults:
            faults.remove("memory")
            pool._todo = no_memory

    def ends(pool: InProcess, number: int, with_weights: bool) -> Outcome | None:
        outcome = end(pool, number, with_weights)
        if with_weights and "end" in faults:
            faults.remove("end")
            return None
        return outcome

    monkeypatch.setattr(InProcess, "go_on", goes_on)
    monkeypatch.setattr(InProcess, "end", ends)
    again = finals.train(finals.request(seeds=1, out=finals.folder / "faults"))
    started = [e for e in finals.events if isinstance(e, SeedStarted)]
    assert len(started) == 1 + 3
    assert of_seed(again, 0) == of_seed(whole, 0)


@pytest.mark.slow
def test_a_folder_with_other_results_is_refused(finals: Finals) -> None:
    finals.train(finals.request(seeds=1, epochs=1))
    for other in (finals.request(epochs=2), finals.request(SMALL, epochs=1)):
        with pytest.raises(StudyError, match="contains another training"):
            plan_final(other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "paper:fc-sdg"}, "did you mean paper:fc-sgd"),
        ({"source": "nothing"}, "no study 'nothing'"),
        ({"source": "paper:channels", "encoder": "scratch"}, "--encoder is for classifiers"),
        ({"encoder": None}, "fmnist-search ae --trials 50"),
        ({"repeat": True}, "does not say how it was trained"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_nothing_is_made(
    finals: Finals, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises((StudyError, ConfigurationError), match=message):
        plan_final(finals.request(**changes))
    assert not (finals.folder / "out").exists()
    assert not (finals.folder / "studies.db").exists()


def test_results_of_the_default_folder_are_found_beside_the_studies(
    finals: Finals, tmp_path: Path
) -> None:
    from studies.storage.databases import storage_url

    plan = plan_final(finals.request(out=None))
    assert plan.folder.parent == tmp_path / "results"
    plan.folder.mkdir(parents=True)
    results.write(plan.result, plan.folder)
    found = results.read_all(storage_url(str(tmp_path / "studies.db")))
    assert found == [plan.result]
    assert found[0].config == CLASSIFIES
    shutil.rmtree(plan.folder)
