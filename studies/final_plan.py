"""What a final training is going to do: which model, budget, seeds and folder, and what is done."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from spaces.budget import Budget, Protocol
from spaces.errors import ConfigurationError, StudyError
from studies import final_results
from studies.data import load_split
from studies.estimate import seconds_per_epoch
from studies.final_models import FinalModel, find_model
from studies.final_results import FinalResult
from studies.processes import n_side_by_side, pace
from studies.settings import environment
from studies.storage import exists, open_artifacts, open_to_look_on, storage_url

_JUDGED_BY: dict[Protocol, str] = {
    "final": "test images, once, after the last epoch",
    "paper": "test images, after every epoch, as the paper does",
    "search": "of the training images, held out",
}


@dataclass(frozen=True)
class FinalRequest:
    """What the command line says."""

    source: str
    n_seeds: int = 5
    protocol: Protocol = "final"
    repeat: bool = False
    """Once more as it was trained before, by its own seed and budget, in place of the above."""
    epochs: int | None = None
    """None: as it was trained before, else the paper's."""
    subset: int | None = None
    encoder: str | None = None
    storage: str | None = None
    artifacts: Path | str | None = None
    out: Path | None = None
    jobs: int | None = None
    threads: int = 1
    dask: str | None = None
    dask_ca: Path | None = None
    dask_cert: Path | None = None
    dask_key: Path | None = None
    data_dir: Path | None = None
    not_typed: dict[str, str] = field(default_factory=dict)
    """Options that decide the figures, by name, whose values an environment variable or a file
    gave, and which it was."""


class FinalPlan(NamedTuple):
    """What a run is going to do."""

    model: FinalModel
    budget: Budget
    seeds: tuple[int, ...]
    n_jobs: int
    folder: Path
    result: FinalResult
    """What is there already."""

    @property
    def left(self) -> list[int]:
        """Seeds without figures."""
        done = {seed.seed for seed in self.result.seeds}
        return [seed for seed in self.seeds if seed not in done]


def plan_final(request: FinalRequest) -> FinalPlan:
    """Find out what the request means, and what of it is done; writes nothing.

    Raises:
        StudyError: there is no such model, or the folder holds other results.
    """
    url = storage_url(request.storage)
    storage = open_to_look_on(url) if exists(url) else None
    store = open_artifacts(url, request.artifacts, make=False)
    asked = Budget(request.epochs or Budget.epochs, request.subset, request.protocol)
    model = find_model(storage, store, request.source, request.encoder, asked)
    budget, seeds = _budget_and_seeds(model, request)
    name = final_results.default_name(model.source, budget, request.encoder)
    folder = request.out or final_results.results_folder(url) / name
    fresh = FinalResult(
        name=folder.name,
        source=model.source,
        stage=model.stage.name,
        configuration=model.config.to_dict(),
        words=model.config.in_words(),
        budget=budget,
        judged_by=f"{budget.n_judging:,} {_JUDGED_BY[budget.protocol]}",
        encoder=model.encoder.origin if model.encoder else None,
        n_threads=request.threads,
        made_with=environment(),
        not_typed=request.not_typed,
    )
    result = final_results.there(fresh, folder)
    side_by_side = n_side_by_side(request.jobs, request.threads)
    n_at_once = max(1, min(side_by_side, len(seeds)))
    return FinalPlan(model, budget, seeds, n_at_once, folder, result)


def estimated_seconds(plan: FinalPlan, data_folder: Path, n_threads: int) -> float:
    """How long the seeds that are left will take, from a few real batches."""
    split = load_split(data_folder, plan.budget)
    clock, longer = pace(plan.n_jobs, n_threads)
    epoch_s = seconds_per_epoch(plan.model.config, split, n_batches=5, clock=clock) * longer
    rounds = -(-len(plan.left) // plan.n_jobs)
    return epoch_s * plan.budget.epochs * rounds


def _budget_and_seeds(model: FinalModel, request: FinalRequest) -> tuple[Budget, tuple[int, ...]]:
    before = model.recorded
    if request.repeat:
        if before is None:
            raise StudyError(
                f"{request.source} does not say how it was trained, so --repeat cannot; "
                "leave it out to train with --seeds"
            )
        if model.n_threads not in (None, request.threads):
            raise ConfigurationError(
                f"{model.source} was trained with {model.n_threads} threads, which decide the last "
                f"bits; add --threads {model.n_threads} to get the same weights"
            )
        return before.budget, (before.seed,)
    epochs = request.epochs or (before.budget.epochs if before else Budget().epochs)
    budget = Budget(epochs, request.subset, request.protocol)
    return budget, tuple(range(request.n_seeds))
