"""Optuna's storages without coverage's tracer, with which SQLAlchemy takes half as long again.

What they call back of ours, as when a connection is made, is not measured then.
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from optuna.storages import RDBStorage
from optuna.storages._cached_storage import _CachedStorage


def leave_storages_untraced() -> None:
    """In this process, once for all."""
    for storage in (RDBStorage, _CachedStorage):
        for name, method in list(vars(storage).items()):
            if callable(method) and (not name.startswith("_") or name == "__init__"):
                setattr(storage, name, _untraced(method))


def _untraced(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def untraced(*args: Any, **kwargs: Any) -> Any:
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return method(*args, **kwargs)
        finally:
            sys.settrace(tracer)

    return untraced
