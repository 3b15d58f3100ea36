"""The commands ``studies delete``, ``studies rename`` and ``studies copy``."""

import shlex
import sys
from typing import Annotated

import typer

from search.naming import StudyArgument, exactly
from search.options import ArtifactsOption, StorageOption
from search.output import Output, print_json, say
from search.search_options import with_options
from spaces.wording import counted, size

NewName = Annotated[
    str, typer.Argument(metavar="NAME", help="The study's new name.", show_default=False)
]


@with_options()
def delete(
    output: Output,
    name: StudyArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    storage: StorageOption = None,
    artifacts: ArtifactsOption = None,
) -> None:
    """Delete a study with its trials, weights, states and pictures.

    Files that another study uses are kept. A study that is running cannot be deleted. If the
    command is killed half-way, the same command finishes it.

    Examples:
        fmnist-search studies delete ae-epochs2-subset6000

        fmnist-search studies delete ae-epochs2-subset6000 --yes
    """
    if not yes and (output.as_json or not sys.stdin.isatty()):
        raise typer.BadParameter("cannot ask here; add --yes to delete the study")
    from studies.engine import upkeep
    from studies.records.commands import shown_storage
    from studies.records.deleting import doomed
    from studies.records.references import find_if_there
    from studies.storage.place import Place

    place = Place.there(storage, artifacts)
    exact = exactly(place.storage, name, output.quiet)
    if yes and exact != name:
        raise typer.BadParameter(f"with --yes, type the study's full name: {exact}")
    place = Place.to_run(storage, artifacts)
    study = find_if_there(place.storage, exact)
    assert study is not None
    doom = doomed(place, study)
    files = f"{counted(len(doom.files), 'file')}, {size(doom.n_bytes)}"
    what = f"study '{exact}': {counted(doom.n_trials, 'trial')}, {files}"
    if not yes:
        typer.confirm(f"Delete {what}?", abort=True)
    upkeep.delete(place, doom)
    if output.as_json:
        freed = {"files": len(doom.files), "bytes": doom.n_bytes}
        print_json({"deleted": exact, "trials": doom.n_trials, **freed})
        return
    say(f"deleted {what}")
    if doom.others:
        where = {"--storage": shown_storage(storage), "--artifacts": artifacts}
        typed = [word for name, value in where.items() if value for word in (name, value)]
        also = [word for other in doom.others for word in ("--also", other)]
        say(
            f"its files stay, because {place.artifacts.place} has files of other databases too; "
            f"free them with: {shlex.join(['fmnist-search', 'gc', *typed, *also])}"
        )


@with_options()
def rename(
    output: Output,
    name: StudyArgument,
    new: NewName,
    storage: StorageOption = None,
    artifacts: ArtifactsOption = None,
) -> None:
    """Rename a study, also where others refer to it, such as classifiers on its encoder.

    If the command is killed, nothing is renamed. A study that is running cannot be renamed.

    Example:
        fmnist-search studies rename ae-epochs2-subset6000 first-look
    """
    from studies.engine import upkeep
    from studies.records.parsers import check_study_name
    from studies.storage.place import Place

    check_study_name("NAME", new)
    exact = exactly(Place.there(storage, artifacts).storage, name, output.quiet)
    upkeep.rename(Place.to_run(storage, artifacts), exact, new)
    if output.as_json:
        print_json({"study": new, "was": exact})
    else:
        say(new if output.quiet else f"study '{exact}' is now called '{new}'")


@with_options()
def copy(
    output: Output,
    name: StudyArgument,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="FILE|URL", help="Database to copy to; made if it does not exist."
        ),
    ],
    to_artifacts: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|URL",
            help="Where to put its files.  [default: a folder beside the SQLite file]",
            show_default=False,
        ),
    ] = None,
    new: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="The copy's name.  [default: the study's own]"),
    ] = None,
    storage: StorageOption = None,
    artifacts: ArtifactsOption = None,
) -> None:
    """Copy a study to another storage with its files: trials, attributes, notes, bit for bit.

    Copies from SQLite to PostgreSQL or back, and from a folder to a bucket or back. If the command
    is killed half-way, the same command finishes it. A study that is running is copied as it is
    now; its running trials count as stopped in the copy and are trained again there.

    Examples:
        fmnist-search studies copy ae --to backup.db

        fmnist-search studies copy ae --to postgresql://me@host/studies

        fmnist-search studies copy ae --to copy.db --to-artifacts s3://bucket
    """
    from studies.engine import upkeep
    from studies.records.parsers import check_study_name
    from studies.storage.place import Place

    if new is not None:
        check_study_name("--as", new)
    source = Place.there(storage, artifacts)
    exact = exactly(source.storage, name, output.quiet)
    target = Place.to_run(to, to_artifacts)
    if target.url == source.url and new in (None, exact):
        raise typer.BadParameter(
            "--to names the storage that the study is in; name another one, or add --as NAME"
        )
    with output.progress_console().status("reading the study") as status:
        done = upkeep.copy(source, exact, target, new or exact, status.update)
    if output.as_json:
        places = {"storage": target.name, "artifacts": target.artifacts.place}
        carried = {"trials": done.n_trials, "files": done.n_files, "bytes": done.n_bytes}
        print_json({"study": new or exact, **places, **carried})
        return
    files = f"{counted(done.n_files, 'file')}, {size(done.n_bytes)}" if done.n_files else "no file"
    say(f"'{new or exact}' is in {target.name}: {counted(done.n_trials, 'trial')}; copied {files}")
    if done.n_running and not output.quiet:
        n = counted(done.n_running, "trial")
        say(
            f"{n} running during the copy; a run of the copy trains what was stopped again",
            err=True,
        )
