"""Optuna's storage with something of ours around each of its transactions."""

import json
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar

from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy import text

T = TypeVar("T")

TRANSACTIONS = (
    *(name for name in vars(BaseStorage) if name in vars(RDBStorage) and name[0] != "_"),
    *("_create_new_trial", "_get_trials", "_set_trial_param", "_get_best_trial_id"),
)
"""Optuna's methods, each of which is a transaction: the public ones, and those its cache calls."""


class GuardedStorage(RDBStorage):
    """Optuna's storage, whose transactions go through :meth:`guard`, which a subclass has."""

    def guard(self, name: str, transaction: Callable[[], T]) -> T:
        """What the transaction returns.

        Args:
            name: of Optuna's method.
            transaction: that method with its arguments.
        """
        raise NotImplementedError


def study_attribute(storage: BaseStorage, study_id: int, key: str) -> Any:
    """A system attribute of a study, without reading all that it has; None if it has none."""
    backend = getattr(storage, "_backend", storage)  # of Optuna's cache
    if not isinstance(backend, GuardedStorage):
        return storage.get_study_system_attrs(study_id).get(key)
    query = text("SELECT value_json FROM study_system_attributes WHERE study_id = :id AND key = :k")

    def look() -> Any:
        with backend.engine.connect() as connection:
            found = connection.execute(query, {"id": study_id, "k": key}).scalar()
        return None if found is None else json.loads(found)

    return backend.guard("get_study_system_attrs", look)


def _guarded(name: str) -> Callable[..., Any]:
    method = getattr(RDBStorage, name)

    @wraps(method)
    def call(self: GuardedStorage, *args: Any, **kwargs: Any) -> Any:
        return self.guard(name, partial(method, self, *args, **kwargs))

    return call


for _name in TRANSACTIONS:
    setattr(GuardedStorage, _name, _guarded(_name))
