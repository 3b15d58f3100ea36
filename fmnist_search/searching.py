"""Running a search from a notebook or a script, by the code of the commands ``ae`` and ``clf``."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
import typer

from fmnist_search import as_typed
from fmnist_search.stored import Study, load_study
from search.output import Output
from search.running import carry_out
from search.search_options import request_of
from spaces.errors import ConfigurationError
from spaces.stages import STAGES, Stage


def search(
    stage: Literal["ae", "clf"],
    *,
    trials: int | None = None,
    epochs: int | None = None,
    subset: int | None = None,
    study: str | None = None,
    storage: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> Study:
    """Search autoencoders or classifiers; called again, go on with the study.

    This is the command of the same name: the paper's configurations are trained first, then Optuna
    chooses. Every trial is stored as it ends, so that nothing is lost by Ctrl-C (or a notebook's
    *Interrupt*), a crash or a closed lid, and the same call goes on from there.

    Args:
        stage: ``"ae"`` for autoencoders, judged by the validation loss: the mean squared error over
            pixels in [−1, 1]. ``"clf"`` for classifiers over the best autoencoder's encoder, judged
            by the validation accuracy, from 0 to 1.
        trials: how many searched trials the study shall have in all, besides the paper's.
        epochs: passes over the training images, of each trial.
        subset: images for training and validation together, from 600 to 60,000.
        study: its name.
        storage: an SQLite file, or a storage URL of Optuna's.
        progress: show what happens, under the cell or in the terminal.
        options: every other option of the command, with ``_`` for ``-``: ``jobs=2``,
            ``timeout="15m"``, ``sampler="gp"``, ``seed=1``, ``new=True``; a dimension of the space
            by its name, as text or list: ``dropout="0:0.2"``, ``conv2_channels=[64, 96]``.
            ``fmnist-search ae --help-all`` has them all.

    Returns:
        The study, which :func:`load_study` gives later.

    Raises:
        ConfigurationError: there is no such stage or option, or it does not take the value.
        StudyError: the study was made with other settings, another process runs it, or its storage
            cannot be opened.
        DataError: Fashion-MNIST is not there and cannot be fetched.
        KeyboardInterrupt: it was interrupted; what was trained so far is stored.
    """
    found = _stage(stage)
    if threading.current_thread() is not threading.main_thread():
        raise ConfigurationError("a search runs in the main thread, where Ctrl-C can stop it")
    named = {"trials": trials, "epochs": epochs, "subset": subset, "study": study}
    context = as_typed.read(found.short, **named, storage=storage, **options)
    request = request_of(context, found)
    with _threads_kept():
        try:
            done = carry_out(request, found, Output(quiet=not progress), "the same call again")
        except typer.Exit:  # said already
            raise KeyboardInterrupt("the search was interrupted; all of it is stored") from None
    return load_study(done.study.study_name, request["storage"], request["artifacts"])


def _stage(name: str) -> Stage:
    for stage in STAGES.values():
        if name in (stage.short, stage.name):
            return stage
    known = " or ".join(repr(stage.short) for stage in STAGES.values())
    raise ConfigurationError(f"stage must be {known}; got {name!r}")


@contextmanager
def _threads_kept() -> Iterator[None]:
    """Leave PyTorch as many threads as the caller has given it."""
    n_threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
