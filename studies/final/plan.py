"""What a final training is going to do: which model, budget, seeds and folder, and what is done."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from spaces.budget import Budget, Protocol
from spaces.errors import ConfigurationError, StudyError
from studies.data.images import load_split
from studies.engine.estimate import (
    n_at_once,
    seconds_of_training,
    seconds_per_epoch,
    side_by_side_s,
)
from studies.final import results
from studies.final.final_request import FinalRequest
from studies.final.results import FinalResult
from studies.final.which_model import FinalModel, find_model, to_be_trained
from studies.records.versions import made_with
from studies.storage.place import Place
from studies.workers.processes import pace

_JUDGED_BY: dict[Protocol, str] = {
    "final": "test images, once, after the last epoch",
    "paper": "test images, after every epoch, as the paper does",
    "search": "of the training images, held out",
}


class FinalPlan(NamedTuple):
    """What a run is going to do."""

    model: FinalModel
    budget: Budget
    seeds: tuple[int, ...]
    n_jobs: int | None
    """Seeds trained side by side; None if that depends on a Dask cluster."""
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
        StudyError: there is no such model or encoder, it is not for the test images to judge, or
            the folder holds other results.
    """
    place = Place.to_look_on(request.storage, request.artifacts)
    found = find_model(place, request.source)
    budget, seeds = _budget_and_seeds(found, request)
    # With the model's own epochs, an encoder of fewer would do as the paper's, too.
    asked = replace(budget, epochs=request.epochs or Budget.epochs)
    encoder = request.encoder
    if "encoder" in request.not_typed and found.stage.name == "autoencoder":
        encoder = None  # a default for classifiers
    model = to_be_trained(place, found, encoder, asked)
    name = results.default_name(model.source, budget, encoder, request.repeat)
    folder = request.out or results.results_folder(place.url) / name
    fresh = FinalResult(
        name=folder.name,
        source=model.source,
        stage=model.stage.name,
        configuration=model.config.to_dict(),
        words=model.in_words(),
        budget=budget,
        judged_by=f"{budget.n_judging:,} {_JUDGED_BY[budget.protocol]}",
        encoder=model.encoder.origin if model.encoder else None,
        n_threads=request.threads,
        made_with=made_with(),
        not_typed=request.not_typed,
    )
    result = results.there(fresh, folder)
    if request.repeat and (others := [s.seed for s in result.seeds if s.seed not in seeds]):
        raise StudyError(
            f"{folder} contains a training with other seeds ({', '.join(map(str, others))}); "
            "name another folder with --out"
        )
    n_jobs = n_at_once(request, len(seeds))
    return FinalPlan(model, budget, seeds, n_jobs, folder, result)


def estimated_seconds(plan: FinalPlan, data_folder: Path, n_threads: int) -> float:
    """How long the seeds that are left will take, from a few real batches.

    One after the other, where it is not known how many train side by side.
    """
    split = load_split(data_folder, plan.budget)
    n_jobs = plan.n_jobs or 1
    clock, longer = pace(n_jobs, n_threads)
    epoch_s = partial(seconds_per_epoch, split=split, n_batches=5, clock=clock)
    training_s = seconds_of_training(plan.model.config, plan.budget.epochs, epoch_s)
    return longer * side_by_side_s([training_s] * len(plan.left), n_jobs)


def _budget_and_seeds(model: FinalModel, request: FinalRequest) -> tuple[Budget, tuple[int, ...]]:
    before = model.recorded
    if request.repeat:
        if before is None:
            raise StudyError(
                f"{request.source} does not say how it was trained, so --repeat is not "
                "possible; leave it out to train with --seeds"
            )
        if model.n_threads not in (None, request.threads):
            raise ConfigurationError(
                f"{model.source} was trained with {model.n_threads} threads, which affect the last "
                f"bits; add --threads {model.n_threads} to get the same weights"
            )
        return before.budget, (before.seed,)
    epochs = request.epochs or (before.budget.epochs if before else Budget().epochs)
    budget = Budget(epochs, request.subset, request.protocol)
    return budget, tuple(range(request.seeds))
