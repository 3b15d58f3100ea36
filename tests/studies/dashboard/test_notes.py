from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from helpers.made_up_studies import make
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState, create_trial
from optuna_dashboard import get_note, save_note
from optuna_dashboard._note import copy_notes
from optuna_dashboard.artifact import get_artifact_path

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.classifier import PAPER_ENCODER
from studies.dashboard import notes
from studies.dashboard.study_note import study_note
from studies.dashboard.trial_note import PICTURES, trial_note
from studies.records import trials
from studies.records.comparable import MIN_FOR_IMPORTANCE
from studies.records.open_study import ReadStudy
from studies.records.settings import EncoderOrigin, StudySettings, load, with_space, write
from studies.storage.artifacts import ArtifactFolder
from studies.storage.databases import open_storage, storage_url
from studies.storage.noted_files import put

AUTOENCODERS = with_space(StudySettings("autoencoder", Budget(epochs=4)), {"pool2": "avg"})
CLASSIFIERS = with_space(
    StudySettings(
        "classifier",
        metric="validation_accuracy",
        direction="maximize",
        encoder=EncoderOrigin("best", "ae", 12, sha256="0" * 64, config=PAPER_ENCODER),
    ),
    {},
)


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    storage = open_storage(storage_url(str(tmp_path / "studies.db")))
    study = optuna.create_study(storage=storage, study_name="my ae")
    write(study, AUTOENCODERS)
    return study


def ended(
    state: TrialState, value: float | None = None, **attrs: object
) -> optuna.trial.FrozenTrial:
    return create_trial(state=state, value=value, user_attrs=attrs)


def stored_note(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> str:
    prefix = f"dashboard:{trial._trial_id}:note_str:"
    attrs = study._storage.get_study_system_attrs(study._study_id)
    return "".join(text for key, text in attrs.items() if key.startswith(prefix))


def test_a_studys_note_says_protocol_space_the_papers_numbers_and_how_to_go_on() -> None:
    note = study_note("my ae", AUTOENCODERS)
    assert "Trained on 50,000 of the training images and judged by the other 10,000" in note
    assert "at most 4 epochs" in note
    assert "| pool2 | avg |" in note
    assert "| max-avg | 16/32 ch, max/avg, batch norm | – |" in note
    assert "They cannot be compared with a budget of search protocol, 4 epochs, all images" in note
    assert "fmnist-search ae --study 'my ae' --more 10" in note


def test_a_classifiers_note_says_where_its_encoders_start_and_published_accuracies() -> None:
    note = study_note("clf", CLASSIFIERS)
    assert "start from ae#12" in note
    assert "91.48 %" in note
    assert "larger is better" in note


def test_a_note_of_the_papers_protocol_offers_no_search() -> None:
    paper = replace(AUTOENCODERS, budget=Budget(protocol="paper"))
    note = study_note("ae-paper", paper)
    assert "judged by the test images" in note
    assert "--trials 0" in note
    assert "--more" not in note


def test_published_numbers_stand_beside_those_here_where_the_budget_is_the_papers() -> None:
    full = replace(AUTOENCODERS, budget=Budget())
    here = {trials.PAPER: "max-avg", trials.METRICS: {"validation_loss": 0.02512}}
    note = study_note("full", full, [ended(TrialState.COMPLETE, 0.02512, **here)])
    assert "| name | configuration | validation loss ↓ | published: validation loss ↓ |" in note
    assert "| max-avg | 16/32 ch, max/avg, batch norm | 0.0251 | 0.0231 |" in note
    assert "| baseline |" in note


def test_the_best_found_stands_below_the_papers_and_is_told_from_the_best() -> None:
    paper = ended(
        TrialState.COMPLETE,
        0.04,
        **{trials.PAPER: "channels", trials.METRICS: {"validation_loss": 0.04}},
    )
    found = ended(
        TrialState.COMPLETE,
        0.05,
        **{trials.WORDS: "8/16 ch", trials.METRICS: {"validation_loss": 0.05}},
    )
    paper.number, found.number = 0, 1
    note = study_note("ae", AUTOENCODERS, [paper, found])
    assert "The best of 2 trials trained to the end is **#0 paper:channels**" in note
    assert (
        "the paper's own; the search found none better. Its validation loss is **0.0400**" in note
    )
    assert "| **best found**, #1 | 8/16 ch | 0.0500 |" in note


def test_too_few_trials_for_importances_are_said_to_be_too_few() -> None:
    drawn = [drawn_trial(number) for number in range(MIN_FOR_IMPORTANCE)]
    few = "**Too few trials for importances**: 1 of the trials that the search drew was trained"
    assert few in study_note("ae", AUTOENCODERS, drawn[:1])
    assert "Too few" not in study_note("ae", AUTOENCODERS, drawn)


def test_importances_of_trials_that_rest_are_said_to_be_of_an_early_epoch() -> None:
    study = make(InMemoryStorage(), n_trials=MIN_FOR_IMPORTANCE, lengths=[1, 1, 1, 6])
    note = study_note("ae", load(study), study.trials)
    assert "**after epoch 1 of 6**, by the 20 trials" in note
    assert "uses only the few trials that were trained to the end" in note


def drawn_trial(number: int) -> optuna.trial.FrozenTrial:
    trial = create_trial(
        value=0.5,
        params={"x": 0.5},
        distributions={"x": optuna.distributions.FloatDistribution(0, 1)},
    )
    trial.number = number
    return trial


def test_limits_and_objectives_are_in_the_note() -> None:
    limited = replace(AUTOENCODERS, max_params=20_000, objectives=("params",))
    note = study_note("small", limited)
    assert "At most 20,000 parameters." in note
    assert "also minimises parameters, so no trial is pruned" in note


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (ended(TrialState.COMPLETE, 0.0123456, epochs={"epoch": [1, 2, 3, 4]}), "to the end: "),
        (ended(TrialState.COMPLETE, 0.0123456), "validation loss **0.0123**"),
        (ended(TrialState.PRUNED, 0.5, epochs={"epoch": [1, 2]}), "Pruned after 2 of 4 epochs"),
        (ended(TrialState.PRUNED, reason="infeasible: too large"), "Not trained: infeasible"),
        (ended(TrialState.FAIL, reason="process died"), "Failed: process died."),
        (ended(TrialState.FAIL), "Failed: no reason was stored."),
        (ended(TrialState.COMPLETE, 0.5, same_as=3), "Result of trial #3"),
        (ended(TrialState.FAIL, retry_of=2), "Replaces trial #2"),
        (ended(TrialState.FAIL, promoted=7), "Continues trial #7, which had been pruned"),
        (
            ended(TrialState.COMPLETE, 0.5, goes_on_from={"study": "ae", "trial": 4}),
            "went on from trial #4 of ae",
        ),
        (
            ended(TrialState.COMPLETE, 0.5, taken_from={"study": "ae", "trial": 4}),
            "Result of trial #4 of ae",
        ),
    ],
)
def test_a_trials_note_says_how_it_ended_and_why(
    trial: optuna.trial.FrozenTrial, words: str
) -> None:
    assert words in trial_note(AUTOENCODERS, trial, 1)


def test_a_trials_note_says_its_configuration_cost_and_the_papers_name() -> None:
    config = AutoencoderConfig(dropout=0.2)
    trial = ended(
        TrialState.COMPLETE,
        0.0725,
        **{
            trials.PAPER: "baseline",
            trials.WORDS: config.in_words(),
            trials.N_PARAMETERS: config.n_parameters(),
            trials.N_MULTIPLY_ADDS: config.n_multiply_adds(),
        },
    )
    note = trial_note(AUTOENCODERS, trial, 1)
    assert note.startswith(f"**{config.in_words()}**")
    assert "The paper's configuration *baseline*" in note
    assert "Its published figures are for 30 epochs on all images." in note
    assert "0.0726" not in note
    assert "18,193 parameters" in note
    full = trial_note(replace(AUTOENCODERS, budget=Budget()), trial, 1)
    assert "Published: validation loss 0.0726" in full


def test_a_trials_note_says_how_it_got_on() -> None:
    losses = [0.2, 0.15, 0.13, 0.1, 0.09]
    trial = create_trial(value=0.09, intermediate_values=dict(enumerate(losses, start=1)))
    words = "validation loss ↓ by epochs: 0.2000 after 1, 0.1000 after 4, 0.0900 after 5"
    assert words in trial_note(AUTOENCODERS, trial, 1)


def test_a_trial_that_rests_says_where_and_what_it_waits_for() -> None:
    attrs = {trials.RESTS_AT: 1, trials.TRAINS_TO: 1, trials.EPOCHS: {"epoch": [1]}}
    stored = create_trial(state=TrialState.RUNNING, intermediate_values={1: 0.2}, user_attrs=attrs)
    note = trial_note(AUTOENCODERS, trials.seen(stored), 1)
    assert "Rests at epoch 1 of 4: validation loss **0.2000**. It goes on if" in note


def test_a_trials_pictures_stand_at_the_top_of_its_note_in_one_order(
    study: optuna.Study, tmp_path: Path
) -> None:
    trial, store = study.ask(), ArtifactFolder(tmp_path / "artifacts")
    trial.set_user_attr(trials.WORDS, "16/32 ch")
    ids = {name: put(store, trial, name, b"") for name in ("other.png", *reversed(PICTURES))}
    study.tell(trial, 0.5)
    notes.save_trial_note(ReadStudy(study, AUTOENCODERS), trial)
    _, pictures, *_ = get_note(trial).split("\n\n")
    paths = [f"({get_artifact_path(trial, ids[name])})" for name in PICTURES]
    assert pictures.split("\n") == [
        f"![{name.removesuffix('.png')}]{path}" for name, path in zip(PICTURES, paths, strict=True)
    ]


def test_in_a_renamed_study_notes_show_the_pictures_where_they_are_now(
    study: optuna.Study, tmp_path: Path
) -> None:
    trial, store = study.ask(), ArtifactFolder(tmp_path / "artifacts")
    picture = put(store, trial, PICTURES[0], b"")
    study.tell(trial, 0.5)
    notes.save_trial_note(ReadStudy(study, AUTOENCODERS), trial)
    renamed = optuna.create_study(storage=study._storage, study_name="renamed")
    renamed.add_trials(study.get_trials())
    copy_notes(study._storage, study, renamed)
    (copied,) = renamed.get_trials()
    edited = stored_note(renamed, copied)
    notes.fill_in(ReadStudy(renamed, AUTOENCODERS))
    address = f"/artifacts/{renamed._study_id}/{copied._trial_id}/{picture}"
    assert address not in edited
    assert address in stored_note(renamed, copied)


def test_an_accuracy_is_in_percent() -> None:
    note = trial_note(CLASSIFIERS, ended(TrialState.COMPLETE, 0.9148), 1)
    assert "validation accuracy **91.48 %**" in note


def test_what_a_crash_ended_gets_its_note_later(study: optuna.Study) -> None:
    study.enqueue_trial({})
    study.ask()
    study.add_trial(ended(TrialState.FAIL, reason=trials.LOST))
    notes.fill_in(ReadStudy(study, AUTOENCODERS))
    running, failed = study.get_trials()
    assert "Failed: process died." in stored_note(study, failed)
    assert stored_note(study, running) == ""
    assert get_note(study) == study_note("my ae", AUTOENCODERS)


def test_what_a_person_wrote_stays(study: optuna.Study) -> None:
    trial = study.ask()
    save_note(study, "mine")
    save_note(trial, "mine too")
    study.tell(trial, 0.5)
    notes.save_trial_note(ReadStudy(study, AUTOENCODERS), trial)
    notes.fill_in(ReadStudy(study, AUTOENCODERS))
    assert get_note(study) == "mine"
    assert get_note(trial) == "mine too"


def test_a_note_costs_the_same_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = open_storage(storage_url(str(tmp_path / "studies.db")))
    study = optuna.create_study(storage=storage, study_name="my ae")
    written, unwritten = study.ask(), study.ask()
    save_note(written, "mine")

    def all_of_them(*_: object) -> None:
        pytest.fail("read the notes of all trials")

    with monkeypatch.context() as patch:
        patch.setattr(type(study._storage), "get_study_system_attrs", all_of_them)
        notes.save_trial_note(ReadStudy(study, AUTOENCODERS), written)
        notes.save_trial_note(ReadStudy(study, AUTOENCODERS), unwritten)
    assert get_note(written) == "mine"
    frozen = study.get_trials()[unwritten.number]
    wanted = trial_note(AUTOENCODERS, frozen, study._study_id)
    assert stored_note(study, frozen) == wanted
