import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna_dashboard import get_note
from optuna_dashboard import save_note as edit
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects

from studies.dashboard.texts_in_attributes import note_in, note_key, save_note, save_plot
from studies.storage.databases import open_storage, storage_url


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    return optuna.create_study(storage=open_storage(storage_url(str(tmp_path / "studies.db"))))


@pytest.mark.parametrize("length", [0, 1, 2045, 2046, 5000])
def test_optuna_dashboard_reads_notes_of_any_length(study: optuna.Study, length: int) -> None:
    note = "é" * length
    trials = [study.ask(), study.ask()]
    save_note(study, None, note)
    save_note(study, trials[1]._trial_id, f"*{note}*")
    assert get_note(study) == note
    assert [get_note(trial) for trial in trials] == ["", f"*{note}*"]


def test_a_note_that_a_kill_cut_short_is_written_again(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = type(study._storage).set_study_system_attr

    def killed(storage: object, study_id: int, key: str, value: object) -> None:
        if key.endswith(":1"):
            raise KeyboardInterrupt
        write(storage, study_id, key, value)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(type(study._storage), "set_study_system_attr", killed)
        with pytest.raises(KeyboardInterrupt):
            save_note(study, None, "a" * 3000)
    assert note_key(None) not in study._storage.get_study_system_attrs(study._study_id)
    save_note(study, None, "b" * 3000)
    assert get_note(study) == "b" * 3000


def test_a_note_of_ours_is_replaced_until_somebody_edits_it(study: optuna.Study) -> None:
    for note in ("a" * 5000, "b", "c" * 3000):
        save_note(study, None, note)
        attrs = study._storage.get_study_system_attrs(study._study_id)
        assert get_note(study) == note_in(attrs, None) == note
    edit(study, "mine")
    save_note(study, None, "d")
    assert get_note(study) == "mine"


def test_a_shorter_plot_takes_the_place_of_a_longer_one(study: optuna.Study) -> None:
    save_plot(study, "pareto", "a" * 9000)
    save_plot(study, "importance", "c")
    save_plot(study, "pareto", "b" * 3000)
    attrs = study._storage.get_study_system_attrs(study._study_id)
    assert get_plotly_graph_objects(attrs) == {"pareto": "b" * 3000, "importance": "c"}


def test_what_a_search_needs_loads_neither_the_dashboard_nor_scikit_learn() -> None:
    script = (
        "import sys, reports.figures.dashboard_plots, studies.engine.launch\n"
        "assert not {'optuna_dashboard', 'sklearn'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
