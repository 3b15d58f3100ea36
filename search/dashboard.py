"""The ``dashboard`` command: studies in a browser."""

import warnings
from typing import TYPE_CHECKING, Annotated

import typer

from search.options import ArtifactsOption, StorageOption

if TYPE_CHECKING:
    from studies.dashboard import Server


def dashboard(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; a free one if it is taken.")
    ] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the address in a browser.")
    ] = False,
    storage: StorageOption = None,
    artifacts: ArtifactsOption = None,
) -> None:
    """Look at the studies in a browser, with optuna-dashboard.

    Notes, pictures and plots of studies and trials are there without doing anything. Looking on
    does not disturb a search. Who deletes a study in it frees no disk space; that does
    `fmnist-search gc`.

    Example: fmnist-search dashboard --open
    """
    from rich.console import Console

    console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    with console.status("loading optuna-dashboard and drawing the studies' plots"):
        import optuna

        from reports.saved_plots import refresh
        from studies.dashboard import ShownArtifacts, make_server
        from studies.storage import open_artifacts, open_to_look_on, storage_url

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        url = storage_url(storage)
        shown = open_to_look_on(url)
        store = ShownArtifacts(open_artifacts(url, artifacts))
        server = make_server(shown, store, host, port)
        refresh(shown)
    if port and server.server_port != port:
        typer.echo(f"port {port} is taken by another program; took a free one")
    if not _is_loopback(host):
        typer.secho(
            f"warning: whoever reaches {host} can read, change and delete these studies; "
            "there is no password",
            fg="yellow",
            err=True,
        )
    typer.echo(f"optuna-dashboard: {server.url}  (Ctrl-C ends it)")
    if open_browser:
        typer.launch(server.url)
    _serve(server)


def _serve(server: "Server") -> None:
    warnings.simplefilter("ignore")  # Optuna's, on importances that the browser asks for
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        typer.echo("\ndashboard ended; the studies are as they were")
    finally:
        server.server_close()


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
