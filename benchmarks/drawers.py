"""Who is drawn next in a simulated search: Optuna's own TPE, or anyone.

TPE draws from what it would read in the study. Of a space that was recorded in part it can only
draw what was recorded, each as likely as it would draw it from the whole.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from benchmarks.simulation import Floats, Pool, Trial
from benchmarks.views import View
from spaces.space import SearchSpace
from studies.engine.samplers import Tpe, derived_seed


class RandomDrawer:
    """Random search."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self._rng, self._pool = np.random.default_rng(seed), pool

    def __call__(self, trials: Sequence[Trial]) -> int:
        """Any candidate, or any that was not drawn."""
        used = set() if self._pool.is_whole else {t.index for t in trials}
        left = [i for i in range(len(self._pool.candidates)) if i not in used]
        return int(self._rng.choice(left))


class TpeDrawer:
    """Optuna's TPE as the engine makes it, over a whole space or among a pool's candidates."""

    def __init__(
        self, pool: Pool, seed: int, view: View, n_startup: int = 10, **options: Any
    ) -> None:
        self._pool, self._seed, self._view = pool, seed, view
        self._options = {"n_startup_trials": n_startup, **options}
        self._indices = {_key(c.params): i for i, c in enumerate(pool.candidates)}
        self._distributions = _distributions(pool.space)
        self._random = RandomDrawer(pool, derived_seed("pool", seed))
        self._shown = _Study()

    def __call__(self, trials: Sequence[Trial]) -> int:
        """The candidate that it draws."""
        seed = derived_seed("sampler", self._seed, sum(not t.is_paper for t in trials))
        self._shown.trials = self._view(trials, self._pool.n_epochs)
        n_ended = sum(t.state.is_finished() for t in self._shown.trials)
        asked = FrozenTrial(
            number=len(trials),
            state=TrialState.RUNNING,
            value=None,
            datetime_start=None,
            datetime_complete=None,
            params={},
            distributions={},
            user_attrs={},
            system_attrs={},
            intermediate_values={},
            trial_id=len(trials),
        )
        if not self._pool.is_whole:
            if n_ended < self._options["n_startup_trials"]:
                return self._random(trials)
            used = {t.index for t in trials}
            left = [i for i in range(len(self._pool.candidates)) if i not in used]
            chooser = _PoolTpe(self._pool, left, seed=seed, **self._options)
            dims = chooser.infer_relative_search_space(self._shown, asked)  # type: ignore[arg-type]
            chooser.sample_relative(self._shown, asked, dims)  # type: ignore[arg-type]
            return chooser.chosen
        sampler = Tpe(self._pool.space, seed=seed, **self._options)
        dims = sampler.infer_relative_search_space(self._shown, asked)  # type: ignore[arg-type]
        params = sampler.sample_relative(self._shown, asked, dims)  # type: ignore[arg-type]
        for name, distribution in self._distributions.items():
            if name not in params:
                params[name] = sampler.sample_independent(
                    self._shown,  # type: ignore[arg-type]
                    asked,
                    name,
                    distribution,
                )
        fixed = FixedTrial(params)
        return self._indices[_key(self._pool.space.params(self._pool.space.suggest(fixed)))]


class _PoolTpe(Tpe):
    """TPE whose samples are candidates of a pool, as likely as it would draw them."""

    def __init__(self, pool: Pool, left: list[int], **options: Any) -> None:
        super().__init__(pool.space, **options)
        self._pool, self._left = pool, left
        self.chosen = -1

    def _build_parzen_estimator(
        self, study: Any, search_space: Any, trials: Any, handle_below: bool
    ) -> Any:
        estimator: Any = super()._build_parzen_estimator(study, search_space, trials, handle_below)
        if handle_below:
            candidates = [self._pool.candidates[i] for i in self._left]
            points = {
                name: np.array([d.to_internal_repr(c.params[name]) for c in candidates])
                for name, d in search_space.items()
            }
            log_pdf = estimator.log_pdf(points)

            def sample(rng: np.random.RandomState, size: int) -> dict[str, Floats]:
                p = np.exp(log_pdf - log_pdf.max())
                self._drawn = rng.choice(len(candidates), size, p=p / p.sum())
                return {name: values[self._drawn] for name, values in points.items()}

            estimator.sample = sample
        return estimator

    def _compute_acquisition_func(self, samples: Any, mpe_below: Any, mpe_above: Any) -> Floats:
        values = super()._compute_acquisition_func(samples, mpe_below, mpe_above)
        self.chosen = self._left[int(self._drawn[int(np.argmax(values))])]
        return values


class _Study:
    """As much of a study as TPE looks at."""

    direction = StudyDirection.MINIMIZE
    directions = (StudyDirection.MINIMIZE,)

    def __init__(self) -> None:
        self.trials: list[FrozenTrial] = []
        self._storage = self

    def _is_multi_objective(self) -> bool:
        return False

    def _get_trials(
        self,
        deepcopy: bool = True,  # noqa: ARG002
        states: Sequence[TrialState] | None = None,
        use_cache: bool = False,  # noqa: ARG002
    ) -> list[FrozenTrial]:
        return [t for t in self.trials if states is None or t.state in states]

    get_trials = _get_trials

    def set_trial_system_attr(self, *_: Any) -> None:
        """Nobody else asks."""


def _key(params: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(params.items()))


def _distributions(space: SearchSpace[Any]) -> dict[str, BaseDistribution]:
    any_trial = FixedTrial(space.params(next(iter(space))))
    space.suggest(any_trial)
    return dict(any_trial.distributions)
