import io
from pathlib import Path

import optuna
import pytest
from rich.console import Console

from search.next_steps import commands, of_seeds, print_commands, print_found
from spaces.budget import Budget
from spaces.stages import StageName
from studies.engine.launch import SearchResult
from studies.engine.progress import search_state
from studies.final.results import FinalResult, SeedResult
from studies.records import settings as study_settings
from studies.records.request import SearchRequest
from studies.records.settings import StudySettings

AE = StudySettings("autoencoder", Budget(epochs=4, subset=6_000))
CLF = StudySettings(
    "classifier", Budget(subset=6_000), metric="validation_accuracy", direction="maximize"
)
WORDS = "48/128 ch, avg/avg, batch norm, dropout 0.35"


def finished(settings: StudySettings, *values: float) -> SearchResult:
    study = optuna.create_study(study_name="mine", direction=settings.direction)
    study_settings.write(study, settings)
    for value in values:
        attrs = {"configuration": WORDS, "metrics": {}}
        study.add_trial(optuna.trial.create_trial(value=value, user_attrs=attrs))
    state = search_state(study.get_trials(), settings, len(values), 0)
    return SearchResult(study, "nothing left to do", state, "sqlite:///s.db", "s.db-artifacts")


def found(settings: StudySettings, *values: float, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    print_found(console, finished(settings, *values))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_search_ends_with_its_best_trial_and_how_far_the_next_ones_are() -> None:
    lines = found(AE, 0.0612, 0.0509, 0.0513, width=100)
    assert lines[:3] == [
        "nothing left to do: 3 of 3 searched trials (3 to the end), 0 of 0 of the paper's",
        "best 0.0509 (#1)",
        f"    {WORDS}",
    ]
    assert " ".join(lines[3:]) == (
        "behind it: #2 by 0.0004, #0 by 0.0103. One seed each does not show how much of this "
        "is chance."
    )


def test_a_long_configuration_wraps_at_its_commas() -> None:
    lines = found(AE, 0.0509, width=40)
    assert lines[-3:] == [
        "best 0.0509 (#0)",
        "    48/128 ch, avg/avg, batch norm,",
        "    dropout 0.35",
    ]


def test_accuracies_within_the_chance_of_the_images_are_named() -> None:
    text = " ".join(found(CLF, 0.911, 0.910, 0.870))
    assert "best 91.10 % (#0)" in text
    assert "#1 by 0.10 points, #2 by 4.10 points" in text
    assert "tied on 1,000 images (95 %, =): #1" in text
    assert "tied on 1,000 images (95 %, =): none" in " ".join(found(CLF, 0.911, 0.870))


def test_what_final_trainings_showed_of_seeds_is_said_of_their_stage_alone() -> None:
    def result(stage: StageName, *losses: float) -> FinalResult:
        seeds = [SeedResult(n, x, None, None, x, None, 1.0, {}, "w") for n, x in enumerate(losses)]
        budget, no_one = Budget(protocol="final"), {"torch": "2.13.0"}
        return FinalResult(
            *("ae-1", "ae#1", stage, {}, "", budget, "images", None, 1, no_one, tuple(seeds))
        )

    both = [result("autoencoder", 0.0500, 0.0510), result("autoencoder", 0.0500, 0.0510, 0.0520)]
    assert of_seeds(both, AE) == (
        ". 3 seeds of ae#1 (final protocol, 30 epochs, all images) differ by 0.0010 (s.d.)"
    )
    assert of_seeds(both[:1], AE) == "", "two seeds say little"
    assert of_seeds(both, CLF) == ""


def test_a_search_without_a_result_says_so() -> None:
    assert found(AE)[-1] == "no trial trained to the end and within the limits yet"


def test_the_commands_that_follow_name_the_study_its_budget_and_its_places() -> None:
    request = SearchRequest(trials=6, storage="my studies.db", data_dir=Path("data"))
    places = "--storage 'my studies.db'"
    assert list(commands(finished(AE, 0.05), request)) == [
        (
            "classifiers",
            f"fmnist-search clf --trials 6 --encoder mine --epochs 4 --subset 6000 {places} "
            "--data-dir data",
        ),
        ("in a browser", f"fmnist-search dashboard {places}"),
    ]
    assert list(commands(finished(CLF, 0.9), request)) == [
        ("final figure", f"fmnist-search train mine --seeds 5 {places} --data-dir data"),
        ("report", f"fmnist-search report --out report {places} --data-dir data"),
    ]


def test_a_report_is_advised_for_a_folder_that_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report").mkdir()
    *_, (_, line) = commands(finished(CLF, 0.9), SearchRequest())
    assert line == "fmnist-search report --out report-2"


@pytest.mark.parametrize("request_", [SearchRequest(keep_weights="none"), SearchRequest()])
def test_nothing_is_advised_that_has_no_weights_to_begin_from(request_: SearchRequest) -> None:
    values = () if request_.keep_weights == 10 else (0.05,)
    assert [what for what, _ in commands(finished(AE, *values), request_)] == ["in a browser"]


def test_commands_are_printed_whole_however_narrow_the_terminal_is() -> None:
    console = Console(file=io.StringIO(), width=30)
    print_commands(console, [("report", "fmnist-search report --out report --storage s.db")])
    assert isinstance(console.file, io.StringIO)
    assert "report: fmnist-search report --out report --storage s.db\n" in console.file.getvalue()
