"""Searches on Fashion-MNIST from a notebook or a script: what the commands do, as functions.

Storage, artifacts and data are where the commands have them: what is not given comes from the
environment (``FMNIST_SEARCH_STORAGE``), the configuration file, or is the default. Errors that a
user can mend are :class:`FmnistSearchError`, and their message says what to do.

Importing this loads nothing; PyTorch is loaded by the first function that needs it.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fmnist_search.entry import PACKAGES, in_the_way, main

if TYPE_CHECKING:
    from fmnist_search.loaded import AutoencoderModel, ClassifierModel, load, load_images
    from fmnist_search.reported import Report, report
    from fmnist_search.searching import search
    from fmnist_search.stored import Study, load_study, studies
    from spaces.errors import (
        ConfigurationError,
        DataError,
        FmnistSearchError,
        ImageError,
        StudyError,
    )
    from studies.data.images import CLASS_NAMES

__all__ = [
    "CLASS_NAMES",
    "PACKAGES",
    "AutoencoderModel",
    "ClassifierModel",
    "ConfigurationError",
    "DataError",
    "FmnistSearchError",
    "ImageError",
    "Report",
    "Study",
    "StudyError",
    "load",
    "load_images",
    "load_study",
    "main",
    "report",
    "search",
    "studies",
]

_HOMES = {
    "fmnist_search.searching": ("search",),
    "fmnist_search.stored": ("Study", "load_study", "studies"),
    "fmnist_search.loaded": ("AutoencoderModel", "ClassifierModel", "load", "load_images"),
    "fmnist_search.reported": ("Report", "report"),
    "spaces.errors": (
        *("FmnistSearchError", "ConfigurationError", "DataError", "ImageError", "StudyError"),
    ),
    "studies.data.images": ("CLASS_NAMES",),
}
"""Where each name is from, which is imported when the name is asked for."""

# Optuna imports tqdm, which misses widgets that nothing here needs.
warnings.filterwarnings("ignore", "IProgress not found", module="tqdm")


def __getattr__(name: str) -> Any:
    """A public name, from where it is defined."""
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if (line := in_the_way()) is not None:
        raise ImportError(line)
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
