"""Libraries without coverage's tracer, with which pure Python takes half as long again.

What they call back of ours, as when a connection is made, is not measured then.
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch.onnx
from matplotlib.figure import Figure
from optuna.storages import RDBStorage
from optuna.storages._cached_storage import _CachedStorage


def leave_libraries_untraced() -> None:
    """What takes the most in the tests, in this process, once for all: SQLAlchemy under Optuna's
    storages, drawing, and exports as ONNX."""
    for owner, names in (
        (RDBStorage, _methods(RDBStorage)),
        (_CachedStorage, _methods(_CachedStorage)),
        (Figure, ["savefig"]),
        (torch.onnx, ["export"]),
    ):
        for name in names:
            setattr(owner, name, _untraced(getattr(owner, name)))


def _methods(owner: type) -> list[str]:
    return [
        name
        for name, value in vars(owner).items()
        if callable(value) and (not name.startswith("_") or name == "__init__")
    ]


def _untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def untraced(*args: Any, **kwargs: Any) -> Any:
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return function(*args, **kwargs)
        finally:
            sys.settrace(tracer)

    return untraced
