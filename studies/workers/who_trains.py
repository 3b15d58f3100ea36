"""Which pool trains: this process, others of this machine, or the workers of a Dask cluster."""

from collections.abc import Callable

from studies.workers.in_process import InProcess
from studies.workers.local_pool import LocalPool
from studies.workers.pool import MakeTraining, Pool, Scheduler


def make_pool(
    n_jobs: int,
    n_threads: int,
    dask: Scheduler | None,
    make_training: MakeTraining,
    say: Callable[[str], None],
) -> Pool:
    """A Dask cluster's workers, processes of our own, or this process where one is enough.

    Args:
        n_jobs: trainings at a time; a Dask cluster has as many as it has workers.
        n_threads: torch's threads in each.
        dask: whose workers are to train; None for this machine.
        make_training: pickled once for each process.
        say: called with each line that a person should know.

    Raises:
        StudyError: the Dask cluster does not answer, or cannot train.
    """
    if dask is not None:
        from studies.workers.dask_cluster import Cluster

        return Cluster(dask, n_threads, make_training, say)
    if n_jobs > 1:
        return LocalPool(n_jobs, n_threads, make_training)
    return InProcess(make_training)


def check_scheduler(dask: Scheduler | None) -> None:
    """Refuse a scheduler that does not answer before anything is made for the run.

    Raises:
        StudyError: no scheduler answers there, or it cannot be trusted.
    """
    if dask is not None:
        from studies.workers.dask_workers import workers_at

        with workers_at(dask):
            pass
