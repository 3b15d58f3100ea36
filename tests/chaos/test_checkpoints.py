"""A trial that is killed in its middle goes on from its checkpoint and ends with the same bits."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from helpers.faults import Run, Stored, assert_complete, stored, until
from helpers.installed_command import Command
from helpers.opened import opened

from studies.records import attributes, weights
from studies.records.settings import load as load_settings
from studies.storage.artifacts import ArtifactFolder
from studies.storage.databases import open_storage, storage_url

pytestmark = pytest.mark.slow

EPOCHS = 10
WORDS = ("ae", "--trials", "0", "--epochs", str(EPOCHS), "--subset", "600", "--threads", "1")
OFTEN = ("--checkpoint-every", "1", "--study", "s")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Command:
    command = Command(tmp_path_factory.mktemp("uninterrupted"), data_dir)
    done = command.run(*WORDS, "--study", "s", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    return command


@pytest.mark.parametrize(
    ("n_jobs", "victim"),
    [
        pytest.param("1", "command", marks=pytest.mark.chaos),
        ("2", "command"),
        ("2", "workers"),
    ],
)
def test_a_killed_trial_goes_on_from_its_checkpoint_and_ends_with_the_same_bits(
    command: Command, uninterrupted: Command, n_jobs: str, victim: str
) -> None:
    words = (*WORDS, *OFTEN, "--jobs", n_jobs)
    with Run(command, *words) as run:
        until(lambda: in_its_middle(command.database) or run.has_ended(), "a checkpoint")
        if victim == "command":
            run.kill()
        else:
            for worker in run.workers():
                worker.kill()
            assert run.end() == 0, run.output()
    if victim == "command":
        with Run(command, *words) as again:
            assert again.end() == 0, again.output()
    assert_complete(command.database, 0)
    gone_on = [t for t in stored(command.database).values() if "goes_on_from" in t.attrs]
    assert gone_on, "no trial was caught in its middle"
    assert results(command) == results(uninterrupted)


def in_its_middle(database: Path) -> bool:
    running = [t for t in stored(database).values() if t.state == "RUNNING"]
    return any(2 <= n_epochs(trial) < EPOCHS - 4 for trial in running)


def n_epochs(trial: Stored) -> int:
    return len(trial.attrs.get("epochs", {}).get("epoch", ()))


def results(command: Command) -> dict[str, Any]:
    """Of each of the paper's trials all that is a result: every epoch's metrics and the weights."""
    storage = open_storage(storage_url(str(command.database)))
    study = optuna.load_study(study_name="s", storage=storage)
    assert load_settings(study).budget.epochs == EPOCHS
    store = ArtifactFolder(command.database.with_name("studies.db-artifacts"))
    found = {}
    for trial in study.get_trials():
        if trial.values:
            epochs = {n: c for n, c in attributes.of(trial)["epochs"].items() if "seconds" not in n}
            tensors = weights.load(opened(study, store), trial)
            found[trial.user_attrs["paper"]] = (
                trial.values,
                trial.intermediate_values,
                epochs,
                {name: tensor.numpy().tobytes() for name, tensor in tensors.items()},
            )
    return found
