from pathlib import Path

from helpers.made_up_studies import make

from studies.records import disk
from studies.storage.noted_files import put, put_file
from studies.storage.place import Place


def test_what_a_study_takes_is_counted_by_kind_and_only_what_is_there(tmp_path: Path) -> None:
    place = Place.to_run(str(tmp_path / "a.db"), None)
    study = make(place.storage, n_trials=0)
    trial = study.ask()
    put_file(place.artifacts, trial, "weights.safetensors", bytes(1000))
    put_file(place.artifacts, trial, "state.safetensors", bytes(3000))
    put_file(place.artifacts, trial, "state.safetensors", bytes(2000))
    put(place.artifacts, trial, "learning-curve.png", bytes(30))
    assert disk.usage(study, disk.sizes(place.artifacts)) == (1000, 2000, 30)
    assert disk.usage(study, {}).total == 0
    other = make(place.storage, "other", n_trials=0)
    assert disk.usage(other, disk.sizes(place.artifacts)).total == 0
