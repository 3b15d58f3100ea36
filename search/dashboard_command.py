"""The ``dashboard`` command: studies in a browser."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from search.options import ArtifactsOption, StorageOption
from search.output import safe_console, say

if TYPE_CHECKING:
    from studies.dashboard.serving import Server


def dashboard(
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            metavar="N",
            help="Port to listen on. If it is taken, a free one is used.",
        ),
    ] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the address in a browser.")
    ] = False,
    storage: StorageOption = None,
    artifacts: ArtifactsOption = None,
) -> None:
    """Look at the studies in a browser, with optuna-dashboard.

    It shows notes, pictures and plots of studies and trials. The printed address contains a token;
    without it nobody sees anything. The dashboard does not disturb a running search. Deleting a
    study in it frees no disk space; `fmnist-search gc` does.

    Example: fmnist-search dashboard --open
    """
    from studies.files.temporary import remove_left
    from studies.storage.databases import check_there, shown, storage_url

    remove_left()
    url = storage_url(storage)
    check_there(url)
    console = safe_console(stderr=True, soft_wrap=True)
    with shown(url) as there:
        is_copy = there != url
        with console.status("loading optuna-dashboard and drawing the studies' plots"):
            import optuna

            from reports.figures.dashboard_plots import refresh
            from studies.dashboard.serving import ShownArtifacts, make_server
            from studies.storage.databases import open_artifacts, open_storage

            optuna.logging.set_verbosity(optuna.logging.ERROR)
            live = open_storage(there, to_look_on=True)  # first: what is refused makes no folder
            store = ShownArtifacts(open_artifacts(url, artifacts, make=not is_copy))
            server, address = make_server(live, store, host, port)
            unread = refresh(open_storage(there))
        for line in unread:
            say(f"without notes and plots of ours: {line}", err=True)
        if port and server.server_port != port:
            say(f"port {port} is taken by another program; took a free one")
        _say_what_to_know(host, is_copy)
        say(f"optuna-dashboard: {address}  (Ctrl-C ends it)")
        with _page_that_leads_to(address) as page:
            if open_browser:
                typer.launch(page)
            _serve(server)


def _say_what_to_know(host: str, is_copy: bool) -> None:
    if not _is_loopback(host):
        say(
            f"warning: {host} can be reached from other machines, and nothing is encrypted. "
            "Anybody who sees the address with its token can read, change and delete these studies",
            fg="yellow",
            err=True,
        )
    if is_copy:
        say(
            "the studies cannot be written here: this is a copy of them as they are now, and edits "
            "are not kept"
        )


def _serve(server: "Server") -> None:
    warnings.simplefilter("ignore")  # Optuna's, on importances that the browser asks for
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        say("\ndashboard ended")
    finally:
        server.server_close()


@contextmanager
def _page_that_leads_to(address: str) -> Iterator[str]:
    """A file that only this user can read: all others see what a browser is called with."""
    from studies.files import temporary

    with temporary.folder() as folder:
        page = folder / "dashboard.html"
        page.write_text(f'<!DOCTYPE html><meta http-equiv="refresh" content="0; url={address}">')
        yield page.as_uri()


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
