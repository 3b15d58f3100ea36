"""The installed commands with a bucket for weights and pictures."""

import json
import shutil
from pathlib import Path

import optuna
import pytest
from helpers.buckets import S3, SECRET
from helpers.installed_command import Command
from safetensors.torch import load_file

from studies.storage.artifacts import OWNERS
from studies.storage.databases import open_storage, storage_url

BUDGET = ("--epochs", "1", "--subset", "600", "--threads", "1")
AE, CLF = "ae-epochs1-subset600", "clf-epochs1-subset600"
PREFIX = "team/fmnist"

pytestmark = pytest.mark.slow


class Place:
    """A command, and the bucket that holds what its trials leave."""

    def __init__(self, home: Path, data_dir: Path, server: S3) -> None:
        self.command = Command(home, data_dir)
        self.command.environment |= server.environment(home)
        self.server = server
        self.bucket = server.bucket()
        self.location = f"s3://{self.bucket}/{PREFIX}"

    @property
    def cache(self) -> Path:
        return self.command.home / "cache" / "fmnist-search" / "artifacts"

    def run(self, *words: str) -> str:
        done = self.command.run(*words, "--artifacts", self.location)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def objects(self) -> dict[str, bytes]:
        """By their names within the prefix, without the notes of owners."""
        every = self.server.objects(self.bucket)
        assert all(key.startswith(f"{PREFIX}/") for key in every)
        named = {key.removeprefix(f"{PREFIX}/"): value for key, value in every.items()}
        return {name: value for name, value in named.items() if not name.startswith(OWNERS)}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, data_dir: Path, s3_server: S3) -> Place:
    """A study of each stage; not to be changed."""
    place = Place(tmp_path_factory.mktemp("home"), data_dir, s3_server)
    place.run("ae", "--trials", "1", "--jobs", "1", *BUDGET)
    shutil.rmtree(place.cache, ignore_errors=True)
    place.run("clf", "--trials", "1", "--jobs", "2", *BUDGET)
    return place


def test_weights_states_and_pictures_are_in_the_bucket_and_nowhere_else(searched: Place) -> None:
    contents = list(searched.objects().values())
    assert sum(content.startswith(b"\x89PNG") for content in contents) > 6
    assert sum(b'"config"' in content[:20_000] for content in contents) > 6
    assert not (searched.command.database.with_name("studies.db-artifacts")).exists()
    keys = searched.server.objects(searched.bucket)
    (note,) = (content for key, content in keys.items() if f"/{OWNERS}/" in key)
    assert note.decode().endswith(f":{searched.command.database}")


def test_no_secret_is_stored(searched: Place) -> None:
    for path in searched.command.home.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert not any(SECRET.encode() in content for content in searched.objects().values())


def test_an_export_brings_down_what_it_needs_alone(searched: Place, tmp_path: Path) -> None:
    shutil.rmtree(searched.cache, ignore_errors=True)
    said = searched.run("export", CLF, "--out", str(tmp_path / "out"), "--quiet")
    assert said.strip() == str(tmp_path / "out")
    assert load_file(tmp_path / "out" / "model.safetensors")
    assert len(list(searched.cache.iterdir())) == 2, "the classifier, and what it started from"


def test_a_report_shows_what_the_networks_in_the_bucket_do(searched: Place, tmp_path: Path) -> None:
    shutil.rmtree(searched.cache, ignore_errors=True)
    searched.run("report", "--out", str(tmp_path / "report"))
    assert any(searched.cache.iterdir())


def test_a_final_training_starts_from_the_encoder_in_the_bucket(
    searched: Place, tmp_path: Path
) -> None:
    shutil.rmtree(searched.cache, ignore_errors=True)
    out = tmp_path / "final"
    searched.run("train", CLF, "--repeat", "--out", str(out))
    brought = [set(load_file(path)) for path in searched.cache.iterdir()]
    start = set(load_file(out / "encoder.safetensors"))
    assert start in brought
    assert len(brought) == 2, "the trial's own weights, to be compared with"


def test_gc_shows_and_removes_what_a_deleted_study_left(
    tmp_path: Path, data_dir: Path, s3_server: S3
) -> None:
    place = Place(tmp_path, data_dir, s3_server)
    place.run("ae", "--trials", "0", "--jobs", "1", *BUDGET)
    place.run("clf", "--trials", "0", "--jobs", "1", *BUDGET)
    storage = open_storage(storage_url(str(place.command.database)))
    optuna.delete_study(study_name=AE, storage=storage)
    before = set(place.objects())
    shown = json.loads(place.run("gc", "--dry-run", "--json"))
    assert (shown["folder"], shown["can_go"]["files"]) == (place.location, 0)
    assert shown["too_young"]["files"] > 0
    s3_server.age(place.bucket, 3600)
    shown = json.loads(place.run("gc", "--dry-run", "--json"))
    assert shown["can_go"]["files"] > 5
    assert set(place.objects()) == before
    assert "removed" in place.run("gc", "--yes")
    assert before - set(place.objects()) == set(shown["names"])
    more = place.run("clf", "--study", CLF, "--more", "1", "--jobs", "1")
    assert "1 of 1 searched trials" in more, "its encoder's weights are still there"


@pytest.mark.parametrize(
    "words",
    [
        ("ae", "--trials", "1", *BUDGET),
        ("train", CLF),
        ("report",),
        ("export", CLF, "--out", "nothing"),
        ("dashboard", "--port", "0"),
        ("gc", "--dry-run"),
    ],
    ids=lambda words: words[0],
)
def test_a_wrong_bucket_is_one_line(
    searched: Place, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = searched.command.run(*words, "--artifacts", "s3://no-such-bucket/prefix")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith("error: cannot use s3://no-such-bucket/prefix: "), done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
