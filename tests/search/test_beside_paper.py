"""What is set beside the paper's figures, and what of it may be compared."""

import io

import optuna
import pytest
from optuna.trial import create_trial
from rich.console import Console

from search.beside_paper import print_beside_paper, print_reproduction, reproduced_in_one_line
from spaces.budget import PAPER_BUDGET, Budget
from studies.records import settings as study_settings
from studies.records.attributes import RECORD_PREFIX
from studies.records.settings import StudySettings

REDUCED = Budget(epochs=4, subset=6_000)


def study(budget: Budget, loss: float = 0.0144) -> optuna.Study:
    """With the paper's best trained, and one trial that the search found."""
    made = optuna.create_study()
    study_settings.write(made, StudySettings("autoencoder", budget))
    metrics = {"train_loss": 0.0134, "validation_loss": loss}
    for attrs in ({"paper": "channels"}, {"configuration": "48/128 ch, avg/avg"}):
        own = {"fingerprint": str(attrs), **attrs}
        records = {f"{RECORD_PREFIX}metrics": metrics}
        made.add_trial(create_trial(value=loss, user_attrs=own, system_attrs=records))
    return made


def shown(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_what_was_found_stands_beside_the_papers_configurations_of_the_same_budget() -> None:
    console = Console(file=io.StringIO(), width=120)
    print_beside_paper(console, study(REDUCED))
    lines = shown(console)
    assert "channels (1.59) 1.34 (1.75) 1.44 64/96 channels" in lines
    assert "#1 1.34 1.44 found: 48/128 ch, avg/avg" in lines
    assert "In brackets, not to be compared: the paper trained for 30 epochs on all" in " ".join(
        lines
    )


def test_published_figures_are_dim_where_they_may_not_be_compared() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    print_beside_paper(console, study(REDUCED))
    assert isinstance(console.file, io.StringIO)
    assert "\x1b[2m(1.75)\x1b[0m" in console.file.getvalue()


@pytest.mark.parametrize("budget", [PAPER_BUDGET, Budget(epochs=4, subset=7_000, protocol="paper")])
def test_a_reproduction_has_differences_and_verdicts_under_the_papers_budget_alone(
    budget: Budget,
) -> None:
    same = budget == PAPER_BUDGET
    console = Console(file=io.StringIO(), width=120)
    print_reproduction(console, [study(budget), study(budget, 0.0150)])
    lines = shown(console)
    (row,) = [line for line in lines if line.startswith("channels")]
    published = "1.75" if same else "(1.75)"
    assert f"{published} 1.47 ± 0.38" in row
    assert ("-0.28" in row) == same
    assert any("verdict on test" in line for line in lines) == same
    assert any("In brackets, not to be compared" in line for line in lines) != same


def test_one_line_has_losses_as_losses() -> None:
    one = reproduced_in_one_line([study(PAPER_BUDGET), study(PAPER_BUDGET, 0.0150)])
    assert one.startswith("paper:channels loss 0.0147 ± 0.0038; published 0.0175; ")
