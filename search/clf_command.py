"""The ``clf`` command: search classifiers."""

from search.running import run_search
from search.search_options import SearchOptions, with_search_options
from spaces.stages import CLASSIFIER


@with_search_options(CLASSIFIER)
def clf(options: SearchOptions) -> None:
    """Search classifiers that start from the best autoencoder's encoder, for accuracy.

    The paper's three configurations are trained first, to the end; then Optuna chooses. A trial is
    judged after its last epoch, by images that nothing was trained on. Typing the command again
    goes on with its study. A dimension's option narrows it (0,128:512) or fixes it (sgd).

    Examples:
        fmnist-search clf --trials 50

        fmnist-search clf --encoder ae#12 --freeze none,encoder --optimizer sgd

        fmnist-search clf --encoder scratch
    """
    run_search(options, CLASSIFIER)
