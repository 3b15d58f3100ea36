"""The pool of one, in this process."""

import weakref

import pytest

from benchmarks.no_training import NoTraining
from spaces.autoencoder import AutoencoderConfig
from spaces.space import Configuration
from studies.training.loop import Training
from studies.workers.in_process import InProcess
from studies.workers.pool import Job, Started


@pytest.mark.parametrize("how", ["it waits", "it is about to train", "all is closed"])
def test_what_is_let_go_of_takes_no_memory(how: str) -> None:
    made: list[weakref.ref[Training]] = []

    def make(config: Configuration, seed: int) -> Training:
        training = NoTraining(0.0, config, seed)
        made.append(weakref.ref(training))
        return training

    pool = InProcess(make)
    pool.start(Job(7, AutoencoderConfig(), seed=0))
    assert isinstance(pool.wait()[0], Started)
    if how == "it is about to train":
        pool.go_on(7)
    if how == "all is closed":
        pool.close()
    else:
        left = pool.end(7, with_weights=False)
        assert (left is not None) == (how == "it waits")
    assert made[0]() is None
    pool.close()
