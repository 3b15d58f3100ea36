"""The ``ae`` command: search autoencoders."""

from search.running import run_search
from search.search_options import SearchOptions, with_search_options
from spaces.stages import AUTOENCODER


@with_search_options(AUTOENCODER)
def ae(options: SearchOptions) -> None:
    """Search convolutional autoencoders for the lowest validation loss.

    The paper's five configurations are trained first, to the end; then Optuna chooses. Typing the
    command again goes on with its study, after Ctrl-C or a crash too. A dimension's option narrows
    it (0:0.2 or 64,96) or fixes it (avg).

    Examples:
        fmnist-search ae --trials 50

        fmnist-search ae --trials 6 --epochs 2 --subset 6000

        fmnist-search ae --dropout 0 --batchnorm true --conv2-channels 64,96 --study narrow
    """
    run_search(options, AUTOENCODER)
