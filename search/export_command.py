"""The ``export`` command: models from their study into folders that stand alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from search.completion import trials
from search.data_command import find_data
from search.naming import exactly
from search.options import ArtifactsOption, DataDir, StorageOption
from search.output import Output, print_json, say
from search.search_options import with_options
from spaces.errors import ConfigurationError
from spaces.wording import measured

if TYPE_CHECKING:
    from reports.models.exporting import Exported
    from studies.records.references import StudyTrial
    from studies.storage.place import Place


Reference = Annotated[
    str,
    typer.Argument(
        metavar="STUDY[#TRIAL]",
        help="A study, for its best trial, or one of its trials.",
        autocompletion=trials,
    ),
]
ParetoOption = Annotated[
    bool,
    typer.Option(
        "--pareto",
        help="Export every trial of the Pareto front, each to a folder within DIR. With one "
        "objective, the front is of quality against parameters.",
    ),
]


@with_options()
def export(
    output: Output,
    reference: Reference,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write.")],
    top: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="K", help="Export the best K trials, each to a folder within DIR."
        ),
    ] = None,
    pareto: ParetoOption = False,
    config_format: Annotated[
        Literal["json", "toml"],
        typer.Option("--format", help="Format of the configuration's file."),
    ] = "json",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing export.")
    ] = False,
    data_dir: DataDir = None,
    storage: StorageOption = None,
    artifacts: ArtifactsOption = None,
) -> None:
    """Export a trained model: weights, ONNX, figures and a model card.

    The folder contains all that is needed: its README says how to load the model without
    fmnist-search. If the export fails, no folder is left.

    Examples:
        fmnist-search export ae --out best-autoencoder

        fmnist-search export 'clf#12' --out shirts --format toml

        fmnist-search export clf --top 3 --out best-three
    """
    if top is not None and pareto:
        raise ConfigurationError("--top and --pareto both choose trials; use only one of them")
    console = output.progress_console()
    with console.status("loading PyTorch"):
        from studies.storage.place import Place

        place = Place.there(storage, artifacts)
        models = _models(place, exactly(place.storage, reference, output.quiet), top, pareto)

        from reports.models.exporting import export_models
        from studies.final.results import read_all

    data_folder = find_data(data_dir, output.quiet)
    with console.status("writing") as status:
        done = export_models(
            models,
            out,
            data_folder,
            top is not None or pareto,
            read_all(place.url),
            config_format,
            overwrite,
            lambda model: status.update(f"writing trial {model.trial.number}"),
        )
    _show(done, output)


def _models(place: "Place", reference: str, top: int | None, pareto: bool) -> list["StudyTrial"]:
    """The trials to export. A wrong name is refused before PyTorch is loaded, which takes long."""
    from studies.records.open_study import OpenStudy
    from studies.records.references import find_study, find_trial

    if top is None and not pareto:
        return [find_trial(place, reference)]
    study = OpenStudy.at(find_study(place.storage, reference), place.artifacts)

    from reports.models.exporting import pareto_trials, top_trials

    return pareto_trials(study) if top is None else top_trials(study, top)


def _show(done: list["Exported"], output: Output) -> None:
    if output.as_json:
        print_json([{"folder": each.folder, **each.metrics} for each in done])
    for exported in done:
        if output.quiet:
            say(exported.folder)
        elif not output.as_json:
            _show_one(exported, output)


def _show_one(exported: "Exported", output: Output) -> None:
    metrics, onnx = exported.metrics, exported.metrics["onnx"]
    metric = metrics["metric"]
    value = f"{metric.replace('validation_', 'val. ')} {measured(metrics['value'], metric)}"
    shown = metrics["files"] if output.verbose else {}
    checksums = {name: f"  SHA-256 {file['sha256']}" for name, file in shown.items()}
    lines = [
        f"{metrics['study']}#{metrics['trial']} is in {exported.folder}: "
        f"{metrics['configuration']}; {value}",
        *(
            f"  {name:<20}{size / 1000:>10,.1f} kB{checksums.get(name, '')}"
            for name, size in exported.sizes.items()
        ),
        f"  ONNX opset {onnx['opset']}, any batch; differs from PyTorch by at most "
        f"{onnx['largest_difference']:.0e} over {onnx['n_images']} real images",
    ]
    console = output.progress_console()
    for line in lines:
        console.print(line, soft_wrap=True)
