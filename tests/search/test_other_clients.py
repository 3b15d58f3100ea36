"""A study made here, opened by programs that know nothing of this one."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import optuna
import pandas
import pytest
from helpers.trained_studies import AE, CLF, TrainedStudies
from typer.testing import CliRunner

from reports.analysis.values import trials_frame
from search.app import app

pytestmark = pytest.mark.slow

WITHOUT_US = """
import sys
for package in ("search", "reports", "studies", "spaces"):
    sys.modules[package] = None  # importing it raises ImportError
"""


def tables(path: Path) -> dict[str, str]:
    """Each table of the database, and what its columns are."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        return dict(rows.fetchall())


def test_the_database_has_optunas_tables_and_no_others(
    trained: TrainedStudies, tmp_path: Path
) -> None:
    optuna.create_study(storage=f"sqlite:///{tmp_path}/plain.db")
    assert tables(trained.database) == tables(tmp_path / "plain.db")


def test_plain_optuna_loads_a_study_and_goes_on_with_it(
    trained: TrainedStudies, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    with (
        closing(sqlite3.connect(trained.database)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    program = f"""{WITHOUT_US}
import json, optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.load_study(study_name="{CLF}", storage="sqlite:///{copy}")
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
print(json.dumps([study.direction.name, study.metric_names, [t.value for t in study.trials]]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    direction, names, values = json.loads(done.stdout)
    assert (direction, names) == ("MAXIMIZE", ["validation_accuracy"])
    own = [trial.value for trial in trained.trial(CLF).study.trials()]
    assert values[:-1] == own
    assert len(values) == len(own) + 1


def test_optunas_command_lists_a_studys_trials(trained: TrainedStudies) -> None:
    program = str(Path(sys.executable).with_name("optuna"))
    words = ("trials", "--storage", f"sqlite:///{trained.database}", "--study-name", AE)
    done = subprocess.run(
        [program, *words, "-f", "json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["state"] for row in rows] == ["COMPLETE", "COMPLETE"]
    assert [row["number"] for row in rows] == [0, 1]


def test_a_study_is_a_parquet_file_for_pandas(trained: TrainedStudies, tmp_path: Path) -> None:
    path = tmp_path / "trials.parquet"
    words = ["studies", "show", CLF, "--storage", str(trained.database), "--parquet", str(path)]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert f"{CLF} is in {path}: 2 trials" in shown.output
    frame = trials_frame(trained.trial(CLF).study.trials())
    read = pandas.read_parquet(path)
    pandas.testing.assert_frame_equal(read, frame, check_dtype=False)
    assert set(read["optimizer"]) == {"adam", "sgd"}


@pytest.mark.parametrize("missing", [True, False])
def test_a_parquet_file_that_cannot_be_written_says_why(
    trained: TrainedStudies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: bool
) -> None:
    if missing:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        monkeypatch.setitem(sys.modules, "fastparquet", None)
    path = tmp_path / "nowhere" / "trials.parquet"
    words = ["studies", "show", AE, "--storage", str(trained.database), "--parquet", str(path)]
    shown = CliRunner().invoke(app, words)
    wanted = "pip install 'fmnist-search[parquet]'" if missing else "cannot write"
    assert shown.exit_code == 1
    assert wanted in str(shown.exception)
