from optuna.trial import FrozenTrial, TrialState, create_trial

from studies.records import trials
from studies.records.tally import Tally, tally


def ended(state: TrialState = TrialState.COMPLETE, **attrs: object) -> FrozenTrial:
    value = 0.5 if state == TrialState.COMPLETE else None
    return create_trial(state=state, value=value, user_attrs=attrs)


def resting() -> FrozenTrial:
    trial = ended(TrialState.PRUNED)
    trial.datetime_complete = None
    return trial


def test_every_trial_is_counted_once_by_how_it_ended() -> None:
    results = [
        *(ended() for _ in range(3)),
        resting(),
        ended(TrialState.PRUNED),
        ended(TrialState.PRUNED, reason=f"{trials.INFEASIBLE}: too large"),
        ended(TrialState.FAIL, reason=f"{trials.DIVERGED}: nan"),
        ended(same_as=0),
        ended(TrialState.PRUNED, same_as=4),
    ]
    found = tally(results)
    assert found == Tally(3, 1, 1, 1, 1, 2)
    assert sum(found) == len(results)
    assert found.in_words() == (
        "3 to the end, 1 resting, 1 pruned, 1 too costly, 1 diverged, 2 repeats"
    )


def test_what_did_not_happen_is_not_named() -> None:
    assert tally([]).in_words() == ""
    assert tally([ended(), ended(same_as=0)]).in_words() == "1 to the end, 1 repeat"
