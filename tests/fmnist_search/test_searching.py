import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import ROOT

import fmnist_search
from fmnist_search import ConfigurationError, StudyError

SMALL: dict[str, Any] = {
    "epochs": 1,
    "subset": 600,
    "jobs": 1,
    "conv1_channels": [8, 16],
    "conv2_channels": "16",
}


@pytest.mark.slow
def test_the_same_call_again_goes_on_with_the_study(
    tmp_path: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = {"storage": tmp_path / "studies.db", "data_dir": data_dir}
    n_threads = torch.get_num_threads()
    study = fmnist_search.search("ae", trials=1, progress=False, **where, **SMALL)
    assert capsys.readouterr() == ("", "")
    assert torch.get_num_threads() == n_threads
    assert study.opened.settings.space["conv1_channels"] == "8,16"
    again = fmnist_search.search("ae", trials=2, **where, **SMALL)
    assert again.name == study.name
    assert (len(study.trials_dataframe()), len(again.trials_dataframe())) == (5 + 1, 5 + 2)
    assert "#6 started" in capsys.readouterr().out
    with pytest.raises(StudyError, match="made with other options"):
        fmnist_search.search("ae", study=study.name, seed=7, **where, **SMALL)


SCRIPT = """
import fmnist_search

study = fmnist_search.search(
    "ae", trials=2, epochs=200, subset=600, jobs=2, storage="studies.db", conv2_channels=16
)
"""


@pytest.mark.slow
def test_a_script_may_be_interrupted_and_keeps_what_it_has(tmp_path: Path) -> None:
    """Its processes do not run the script once more, though nothing in it keeps them from it."""
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, script], cwd=tmp_path, env=environment, stdout=-1, stderr=-1, text=True
    )
    time.sleep(1)
    while not _has_state(tmp_path / "studies.db"):
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert "the same call again" in out
    assert "process died" not in out
    assert err.rstrip().splitlines()[-1].startswith("KeyboardInterrupt")
    assert _has_state(tmp_path / "studies.db")


def _has_state(database: Path) -> bool:
    """Whether a trial has been trained for some epochs."""
    try:
        study = fmnist_search.load_study("ae", database)
    except StudyError:
        return False
    return any(len(trial.intermediate_values) > 2 for trial in study.opened.trials())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trails": 3}, "ae has no option 'trails'; did you mean trials?"),
        ({"trials": -1}, "'--trials'.*greater than or equal to 0; got '-1'"),
        ({"dropout": [0.1, 0.9]}, "dropout cannot be '0.9'"),
        ({"quiet": True}, "ae has no option 'quiet'"),
        ({"sampler": "magic"}, "'--sampler'.*magic"),
        ({"enqueue": ["absent.json"]}, "absent.json"),
        ({"seed": {}}, "must be text, a number"),
    ],
)
def test_what_the_command_refuses_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words.replace("?", r"\?")):
        fmnist_search.search("ae", **options)


def test_a_stage_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="stage must be 'ae' or 'clf'; got 'vae'"):
        fmnist_search.search("vae")  # type: ignore[arg-type]


def test_outside_the_main_thread_nothing_begins() -> None:
    said: list[str] = []

    def search() -> None:
        try:
            fmnist_search.search("ae")
        except ConfigurationError as error:
            said.append(str(error))

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert said == ["a search runs in the main thread, where Ctrl-C can stop it"]
