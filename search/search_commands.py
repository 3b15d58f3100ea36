"""The commands ``ae`` and ``clf``: search autoencoders, search classifiers."""

from search.running import run_search
from search.search_options import SearchOptions, with_search_options
from spaces.stages import AUTOENCODER, CLASSIFIER


@with_search_options(AUTOENCODER)
def ae(options: SearchOptions) -> None:
    """Search convolutional autoencoders for the lowest validation loss.

    The paper's five configurations are trained first, to the end; then Optuna chooses. The same
    command again resumes the study, also after Ctrl-C or a crash. Each dimension of the space has
    an option that narrows it (0:0.2 or 64,96) or fixes it (avg): see --help-all.

    Examples:
        fmnist-search ae --trials 50
        fmnist-search ae --trials 6 --epochs 2 --subset 6000
        fmnist-search ae --dropout 0 --conv2-channels 64,96 --study narrow
    """
    run_search(options, AUTOENCODER)


@with_search_options(CLASSIFIER)
def clf(options: SearchOptions) -> None:
    """Search classifiers on top of the best autoencoder's encoder.

    The paper's three configurations are trained first, to the end; then Optuna chooses. A trial is
    judged by its accuracy after the last epoch, on images that were not used for training. The
    same command again resumes the study. Each dimension of the space has an option that narrows it
    (0,128:512) or fixes it (sgd): see --help-all.

    Examples:
        fmnist-search clf --trials 50
        fmnist-search clf --encoder ae#12 --freeze none,encoder --optimizer sgd
        fmnist-search clf --space whole --trials 60 --epochs 16
    """
    run_search(options, CLASSIFIER)
