"""What every pool promises, over all pools."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from helpers.pools import connected, dask_cluster
from torch import Tensor

from spaces.autoencoder import AutoencoderConfig
from spaces.budget import Budget
from spaces.errors import TrainingDivergedError
from studies.training.factory import TrainingFactory
from studies.training.metrics import Outcome
from studies.workers.in_process import InProcess
from studies.workers.local_pool import LocalPool
from studies.workers.pool import EpochDone, Job, MakeTraining, Pool, Raised, Started

pytestmark = pytest.mark.slow

BUDGET = Budget(epochs=2, subset=600)
CONFIG = AutoencoderConfig(dropout=0.2, batchnorm=True)
DIVERGING = AutoencoderConfig(learning_rate=1e30, optimizer="sgd")
Losses = list[tuple[float, float]]


def factory(folder: Path) -> TrainingFactory:
    return TrainingFactory(folder, BUDGET, n_threads=1)


@contextmanager
def in_process(make: MakeTraining) -> Iterator[Pool]:
    yield InProcess(make)


@contextmanager
def two_processes(make: MakeTraining) -> Iterator[Pool]:
    yield LocalPool(2, 1, make)


@contextmanager
def two_dask_workers(make: MakeTraining) -> Iterator[Pool]:
    with dask_cluster(2) as cluster:
        yield connected(cluster, make)


@pytest.fixture(scope="module", params=[in_process, two_processes, two_dask_workers])
def pool(request: pytest.FixtureRequest, data_dir: Path) -> Iterator[Pool]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with request.param(factory(data_dir)) as made:
        yield made
        made.close()
    torch.set_num_threads(n_threads)


def train(pool: Pool, jobs: list[Job]) -> dict[int, tuple[Losses, Outcome | None]]:
    """All jobs to their last epochs, as many at a time as the pool has room for."""
    todo, running = list(jobs), 0
    losses: dict[int, Losses] = {job.number: [] for job in jobs}
    outcomes: dict[int, Outcome | None] = {}
    while todo or running:
        while todo and running < pool.capacity:
            pool.start(todo.pop(0))
            running += 1
        for report in pool.wait():
            assert isinstance(report, Started | EpochDone), report
            if isinstance(report, EpochDone):
                metrics = report.metrics
                losses[report.number].append((metrics.train_loss, metrics.validation_loss))
            if len(losses[report.number]) < BUDGET.epochs:
                pool.go_on(report.number)
            else:
                outcomes[report.number] = pool.end(report.number, with_weights=True)
                running -= 1
    return {number: (losses[number], outcomes[number]) for number in outcomes}


def assert_same(first: dict[str, Tensor] | None, second: dict[str, Tensor] | None) -> None:
    assert first is not None
    assert second is not None
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_every_pool_trains_to_the_same_bits_however_many_train_beside(
    pool: Pool, data_dir: Path
) -> None:
    n_threads = torch.get_num_threads()
    alone = factory(data_dir)(CONFIG, 7)
    wanted = [(metrics.train_loss, metrics.validation_loss) for metrics in alone]
    expected = alone.outcome(with_weights=True)
    jobs = [Job(number, CONFIG, seed=7 + number % 2) for number in range(4)]
    found = train(pool, jobs)
    for number in (0, 2):
        losses, outcome = found[number]
        assert losses == wanted
        assert outcome is not None
        assert_same(outcome.weights, expected.weights)
        assert_same(outcome.state, expected.state)
        assert outcome.reconstructions is not None
        assert expected.reconstructions is not None
        assert torch.equal(outcome.reconstructions, expected.reconstructions)
    assert found[1][0] == found[3][0] != wanted
    assert torch.get_num_threads() == n_threads


def test_a_training_is_set_up_and_waits_and_says_how_fast_its_network_is(pool: Pool) -> None:
    pool.start(Job(5, CONFIG, seed=7))
    (report,) = pool.wait()
    assert isinstance(report, Started)
    assert report.number == 5
    assert report.latency.ms > 0
    assert pool.wait(timeout_s=0.0) == []
    pool.end(5, with_weights=False)


def test_a_training_goes_on_from_a_state_as_if_never_interrupted(
    pool: Pool, data_dir: Path
) -> None:
    pool.start(Job(1, CONFIG, seed=7))
    pool.wait()
    pool.go_on(1)
    pool.wait()
    state = pool.state(1)
    pool.end(1, with_weights=False)
    pool.start(Job(2, CONFIG, seed=7, state=state))
    pool.wait()
    pool.go_on(2)
    (report,) = pool.wait()
    pool.end(2, with_weights=False)
    assert isinstance(report, EpochDone)
    alone = list(factory(data_dir)(CONFIG, 7))[-1]
    assert report.metrics.epoch == 2
    assert report.metrics.validation_loss == alone.validation_loss


def test_nobody_wants_the_weights_of_a_training_that_was_pruned(pool: Pool) -> None:
    pool.start(Job(1, CONFIG, seed=7))
    pool.wait()
    outcome = pool.end(1, with_weights=False)
    assert outcome is not None
    assert (outcome.weights, outcome.state) == (None, None)


def test_what_a_training_raises_is_reported_and_the_pool_trains_on(pool: Pool) -> None:
    pool.start(Job(1, DIVERGING, seed=7))
    pool.wait()
    pool.go_on(1)
    (report,) = pool.wait()
    assert isinstance(report, Raised)
    assert report.number == 1
    assert type(report.error) is TrainingDivergedError
    assert "smaller learning rate" in str(report.error)
    assert set(train(pool, [Job(2, CONFIG, seed=7)])) == {2}
