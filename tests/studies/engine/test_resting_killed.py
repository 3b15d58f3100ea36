"""Searches whose trials rest, killed between any two things that they write, and gone on with."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from helpers.runner import REQUEST, Runner, random_images
from optuna.trial import FrozenTrial

from benchmarks.no_training import NoTraining
from studies.data.images import Split
from studies.records import trials
from studies.storage.artifacts import ArtifactFolder
from studies.storage.sqlite_storages import FileStorage
from studies.workers.in_process import InProcess

pytestmark = pytest.mark.slow

PROMOTION = replace(
    REQUEST, trials=20, epochs=16, pruner="promotion", sampler="tpe", checkpoint_every=3
)


class Killed(BaseException):
    """Nothing is written any more."""


@contextmanager
def killed_after(n_writes: float) -> Iterator[list[str]]:
    """Have the process die when it has written so many things, which are named."""
    done: list[str] = []
    ask, put, drop = FileStorage.guard, ArtifactFolder.write, ArtifactFolder.discard

    def count(name: str) -> None:
        if len(done) >= n_writes:
            raise Killed
        done.append(name)

    def guard(self: FileStorage, name: str, transaction: Callable[[], Any]) -> Any:
        if not name.startswith("get_"):
            count(name)
        return ask(self, name, transaction)

    def write(self: ArtifactFolder, *args: Any) -> None:
        count("write")
        put(self, *args)

    def discard(self: ArtifactFolder, *args: Any) -> None:
        count("discard")
        drop(self, *args)

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        patch.setattr(FileStorage, "guard", guard)
        patch.setattr(ArtifactFolder, "write", write)
        patch.setattr(ArtifactFolder, "discard", discard)
        yield done


def process(folder: Path) -> Runner:
    """A process of its own, as far as the study goes."""
    folder.mkdir(exist_ok=True)
    images = random_images(1, 0)
    untrained = InProcess(partial(NoTraining, 0.0))
    return Runner(folder, Split(images, images), make_pool=lambda _: untrained)


def results(all_trials: list[FrozenTrial]) -> dict[str, tuple[Any, ...]]:
    """What each configuration came to, of those that were not lost."""
    return {
        str(t.user_attrs[trials.FINGERPRINT]): (t.state, list(t.intermediate_values.values()))
        for t in all_trials
        if not (trials.is_unfinished_failure(t) or trials.SAME_AS in t.user_attrs)
    }


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.chaos) for seed in range(2, 10))]
)
def test_killed_twice_anywhere_a_search_finds_what_it_would_have_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr("studies.engine.endings.pictures.keep", lambda *_: None)
    chance = random.Random(seed)
    whole = process(tmp_path / "whole")
    with killed_after(float("inf")) as done:
        whole(PROMOTION)
    at = chance.randrange(len(done)), chance.randrange(len(done) // 2)
    for n_writes in at:
        with killed_after(n_writes):
            process(tmp_path / "killed")(PROMOTION)
    last = process(tmp_path / "killed")
    last(PROMOTION)
    assert results(last.trials()) == results(whole.trials()), f"killed after {at} writes"
    assert len(trials.searched_results(last.trials())) == PROMOTION.trials
