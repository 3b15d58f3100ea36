import optuna
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from studies.records import pareto, trials
from studies.records.pareto import front
from studies.records.tally import n_since_best

numbers = st.integers(0, 6)  # few enough for equal ones
points_2d = st.lists(st.tuples(numbers, numbers), max_size=25)
points_3d = st.lists(st.tuples(numbers, numbers, numbers), max_size=25)


def is_dominated(point: tuple[int, ...], by: tuple[int, ...]) -> bool:
    return by != point and all(b <= p for b, p in zip(by, point, strict=True))


@given(points_2d | points_3d)
def test_on_the_front_is_what_no_other_point_dominates(points: list[tuple[int, ...]]) -> None:
    expected = [
        index
        for index, point in enumerate(points)
        if not any(is_dominated(point, other) for other in points)
    ]
    assert front(points) == expected


@given(st.lists(st.tuples(numbers, numbers, st.integers(0, 3)), max_size=25))
def test_no_point_of_a_front_with_spreads_dominates_another_and_all_others_are_dominated(
    measured: list[tuple[int, int, int]],
) -> None:
    def is_beaten(index: int, by: int) -> bool:
        (x, y, s), (other_x, other_y, t) = measured[index], measured[by]
        is_slower = y - other_y > max(s, t)
        is_faster = other_y - y > max(s, t)
        return other_x <= x and not is_faster and (other_x < x or is_slower)

    points = [(y, x) for x, y, _ in measured]  # the one with a spread need not be the last
    chosen = front(points, [(s, 0) for *_, s in measured])
    for index in range(len(points)):
        beaten = any(is_beaten(index, by) for by in chosen if by != index)
        assert beaten == (index not in chosen)


def test_the_front_of_nothing_is_empty_and_of_one_point_that_point() -> None:
    assert front([]) == []
    assert front([(3.0, 4.0)]) == [0]


def study_with(points: list[tuple[float, float]]) -> optuna.Study:
    study = optuna.create_study(directions=["maximize", "minimize"])
    for point in points:
        study.add_trial(create_trial(values=list(point)))
    return study


@given(points_2d)
def test_a_studys_front_is_optunas(points: list[tuple[float, float]]) -> None:
    study = study_with(points)
    ours = pareto.front_of_trials(study.trials, "maximize", ["params"])
    assert {t.number for t in ours} == {t.number for t in study.best_trials}
    assert [t.values[0] for t in ours] == sorted((t.values[0] for t in ours), reverse=True)


def test_patience_counts_trials_that_do_not_join_the_front() -> None:
    study = study_with([(0.9, 50), (0.8, 10), (0.7, 60), (0.95, 90), (0.9, 95), (0.6, 11)])
    assert n_since_best(study.trials, "maximize", ["params"]) == 2  # after the fourth
    assert n_since_best(study.trials[:2], "maximize", ["params"]) == 0
    assert n_since_best(study.trials[:3], "maximize", ["params"]) == 1


def test_a_reused_result_and_an_infeasible_one_are_not_on_the_front() -> None:
    study = study_with([(0.9, 50)])
    study.add_trial(create_trial(values=[0.9, 50], user_attrs={trials.SAME_AS: 0}))
    study.add_trial(create_trial(values=[0.95, 60], system_attrs={"constraints:n_parameters": 1.0}))
    study.add_trial(create_trial(state=TrialState.PRUNED))
    front_of_study = pareto.front_of_trials(study.trials, "maximize", ["params"])
    assert [t.number for t in front_of_study] == [0]
