"""What figures and sentences count, apart from how they are drawn."""

from collections.abc import Callable

import optuna
from made_up_studies import make
from optuna.trial import TrialState, create_trial

from reports.sources import Sources
from reports.views import time_spent
from spaces.paper import AUTOENCODERS
from studies import trials


def test_attempts_that_failed_are_none_of_the_papers_trials(
    storage: optuna.storages.BaseStorage, sources: Callable[..., Sources]
) -> None:
    study = make(storage, n_trials=3, share_pruned=0)
    attrs = {trials.PAPER: AUTOENCODERS[0].name, trials.SECONDS: 5.0}
    study.add_trial(create_trial(state=TrialState.FAIL, user_attrs=attrs))
    (source,) = sources("ae").searches
    spent = time_spent(source)
    assert (spent.n_paper, spent.n_complete, spent.n_failed) == (len(AUTOENCODERS), 3, 1)
    assert spent.failed_s == 5.0
