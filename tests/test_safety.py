"""What a study from somebody else can do: nothing but hold numbers, texts and tensors."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from helpers import ROOT
from helpers.installed_command import BUDGET, NARROW, Command
from helpers.opened import opened

from spaces.errors import StudyError
from studies.records import encoders, settings, weights
from studies.records.settings import StudySettings
from studies.storage.artifacts import ArtifactFolder
from studies.storage.databases import open_storage, storage_url

PACKAGES = ("spaces", "studies", "reports", "search")
LOADERS = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "pandas.read_pickle",
}
BETWEEN_OWN_PROCESSES = {
    "studies/workers/dask_cluster.py",
    "studies/workers/local_pool.py",
    "studies/workers/trainer.py",
}
"""What pipes and Dask carry between the command and its workers."""
OUTSIDE = ("../studies.db", "../../etc/passwd", "/etc/passwd", "a/b", "..", ".", "", "a\0b")


def names_used(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.Name):
            yield node.id


def test_only_what_travels_between_our_own_processes_is_unpickled() -> None:
    unsafe = LOADERS | {"torch.load", "eval", "exec", "numpy.load", "np.load"}
    found = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if unsafe & set(names_used(path))
    }
    assert found == BETWEEN_OWN_PROCESSES


WATCHED = """
import json, sys
found = []
sys.addaudithook(lambda event, about: found.append(about) if event == "pickle.find_class" else None)
from search.app import main
try:
    main()
finally:
    print(json.dumps(found), file=sys.stderr)
"""


@pytest.mark.slow
def test_nothing_is_unpickled_when_a_study_is_shown_or_gone_on_with(command: Command) -> None:
    words = ("--jobs", "1", *BUDGET, *NARROW, "--study", "s")
    first = command.run("ae", "--trials", "1", *words)
    assert first.returncode == 0, first.stderr
    for line in (("studies", "show", "s"), ("ae", "--trials", "2", *words)):
        done = subprocess.run(
            [sys.executable, "-c", WATCHED, *line],
            env=command.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stderr.splitlines()[-1]) == []


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_from_a_database_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "studies.db").write_text("precious")
    store = ArtifactFolder(tmp_path / "artifacts")
    study = optuna.create_study(storage=open_storage(storage_url(str(tmp_path / "own.db"))))
    settings.write(study, StudySettings("autoencoder"))
    trial = study.ask()
    file = {"filename": "weights.safetensors", "mimetype": "application/octet-stream"}
    meta = {"artifact_id": name, **file}
    storage = study._storage
    storage.set_trial_system_attr(trial._trial_id, f"artifacts:{name}", json.dumps(meta))
    (frozen,) = study.get_trials()
    with pytest.raises(StudyError, match="is no name of a file"):
        weights.load(opened(study, store), frozen)
    for use in (weights.is_kept, weights.discard):
        with pytest.raises(StudyError, match="is no name of a file"):
            use(store, frozen)
    for touch in (store.open_reader, store.remove, store.path):
        with pytest.raises(StudyError, match="is no name of a file"):
            touch(name)
    study.set_user_attr("encoder_file", name)
    with pytest.raises(StudyError, match="is no name of a file"):
        encoders.weights_file(opened(study, store))
    assert (tmp_path / "studies.db").read_text() == "precious"
