"""Optuna's CMA-ES, kept from running whatever code a database holds."""

import io
import pickle
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from spaces.errors import StudyError


class Cma(optuna.samplers.CmaEsSampler):
    """Optuna's CMA-ES, which reads its state from the study by ``pickle``, here without its risks.

    Raises:
        StudyError: from a draw, if a study's state of CMA-ES names any other class or function.
    """

    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> Any:
        for trial in reversed(completed_trials):
            stored = {
                key: text
                for key, text in trial.system_attrs.items()
                if key.startswith(self._attr_key_optimizer)
            }
            if stored:
                state = bytes.fromhex(self._concat_optimizer_attrs(stored))
                return _CmaUnpickler(io.BytesIO(state)).load()
        return None


class _CmaUnpickler(pickle.Unpickler):
    """Makes what the state of CMA-ES consists of, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """A part of the state by its name."""
        if (module, name) not in _CMA_PARTS:
            raise StudyError(
                f"the study's state of CMA-ES holds {module}.{name}, which is none of its parts; "
                "somebody tampered with the database, so use none of it"
            )
        return super().find_class(module, name)


_CMA_PARTS = {
    ("cmaes._cma", "CMA"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
}
