"""The ``run`` command: both stages and the report."""

from pathlib import Path
from typing import Annotated, Any

import typer

from search.output import Output, print_json, say
from search.report_command import LanguageName, print_report, report_document, write_report
from search.running import SAME_COMMAND, carry_out, document, in_one_line, show_results
from search.search_options import with_options
from spaces.stages import AUTOENCODER, CLASSIFIER
from studies.records.fields import fields_of
from studies.records.request import Machine, SearchRequest


@with_options(
    *("trials", "sampler", "pruner", "patience", "epochs", "subset", "seed"),
    *(*fields_of(Machine), "keep_weights"),
)
def run(
    request: dict[str, Any],
    output: Output,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for the report.")
    ] = Path("report"),
    lang: Annotated[LanguageName, typer.Option(help="Language of the report.")] = "en",
) -> None:
    """Search autoencoders, then classifiers, and write the report.

    Runs ae, clf and report one after the other, with --trials trials in each stage. The
    classifiers use the encoder of the best autoencoder. The same command again goes on where it
    stopped, also after Ctrl-C or a crash, and writes the report again.

    Example: fmnist-search run --trials 50
    """
    with output.progress_console().status("loading"):
        from reports.page.folder import holds_only_a_report
        from reports.page.making import check_folder
        from search.next_steps import commands, print_commands
        from studies.engine.opening import over_encoder
        from studies.storage.place import Place

        # Refused before the search, as the report would be after it.
        check_folder(out, overwrite=holds_only_a_report(out))
    found: dict[str, Any] = {}
    names: list[str] = []
    for stage in (AUTOENCODER, CLASSIFIER):
        fields = request
        if names:
            storage = Place.to_look_on(request["storage"], request["artifacts"]).storage
            over = over_encoder(storage, SearchRequest(**request), names[0])
            fields = {**request, "study": over.study, "encoder": over.encoder}
        finished = carry_out(fields, stage, output, SAME_COMMAND)
        if output.as_json:
            found[stage.name] = document(finished)
        elif output.quiet:
            say(f"{stage.name}: {in_one_line(finished)}")
        else:
            show_results(finished, output)
        names.append(finished.study.study_name)
    places = {name: request[name] for name in ("storage", "artifacts", "data_dir")}
    files = write_report(output, names, out, lang, overwrite=True, **places)
    if output.as_json:
        print_json({**found, "report": report_document(files)})
    else:
        print_report(files, output)
        if not output.quiet:
            follow = commands(finished, SearchRequest(**fields))
            print_commands(output.progress_console(), [c for c in follow if c[0] != "report"])
