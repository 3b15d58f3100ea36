"""The ``reproduce`` command: the paper's eight configurations as the paper trained them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.command import say_what_was_not_typed
from search.output import Output, print_json, say
from search.running import SAME_COMMAND, carry_out
from search.search_options import with_options
from spaces.stages import AUTOENCODER, CLASSIFIER
from studies.records.fields import fields_of
from studies.records.request import Machine

if TYPE_CHECKING:
    import optuna


@with_options("epochs", "subset", *fields_of(Machine))
def reproduce(
    request: dict[str, Any],
    output: Output,
    context: typer.Context,
    seeds: Annotated[
        int,
        typer.Option(min=1, max=100, metavar="N", help="Number of seeds to train everything with."),
    ] = 1,
) -> None:
    """Train the paper's eight configurations and print its tables.

    The paper's protocol: train on all 60,000 training images and evaluate on the test images after
    every epoch. The classifiers start from the encoder of the paper's best autoencoder. Each seed
    has a study for each stage. What was trained before is not trained again.

    Examples:
        fmnist-search reproduce --seeds 3

        fmnist-search reproduce --epochs 2 --subset 6000
    """
    say_what_was_not_typed(context, "seeds", "epochs", "subset")
    found = [_both_stages({**request, "seed": seed}, output) for seed in range(seeds)]

    from reports.analysis.reproduction import as_document
    from search.beside_paper import print_reproduction, reproduced_in_one_line

    stages = list(zip(*found, strict=True))
    if output.as_json:
        names = (AUTOENCODER.name, CLASSIFIER.name)
        print_json({name: as_document(s) for name, s in zip(names, stages, strict=True)})
        return
    for studies in stages:
        if output.quiet:
            say(reproduced_in_one_line(studies))
        else:
            print_reproduction(output.progress_console(), studies)


def _both_stages(request: dict[str, Any], output: Output) -> "tuple[optuna.Study, optuna.Study]":
    """The studies of one seed, complete."""
    request = {**request, "protocol": "paper", "trials": 0}
    autoencoders = carry_out(request, AUTOENCODER, output, SAME_COMMAND).study
    from studies.records.encoders import papers_best

    request = {**request, "encoder": papers_best(autoencoders)}
    return autoencoders, carry_out(request, CLASSIFIER, output, SAME_COMMAND).study
