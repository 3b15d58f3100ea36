"""The one place that imports torchvision, also where its compiled operators cannot be loaded.

PyPI's torchvision is built against CUDA torch. Beside a CPU-only torch its operators do not load,
and ``import torchvision`` stops at "operator torchvision::nms does not exist", because it describes
``nms`` and ``qnms`` to torch without asking whether they are there. This project needs its data
sets and transforms only; with the two operators declared, though without code, they work.
"""

import importlib
from functools import cache
from types import ModuleType

import torch

MISSING_OPERATOR = "operator torchvision::nms does not exist"

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def import_torchvision() -> ModuleType:
    """Torchvision with its ``datasets`` and ``transforms``, whichever torch is installed.

    Raises:
        RuntimeError: torchvision does not fit the installed torch for another reason.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if MISSING_OPERATOR not in str(error):
            raise
    _declare_operators()
    return importlib.import_module("torchvision")


@cache
def _declare_operators() -> torch.library.Library:
    # Cached, because the declarations end with the object that made them.
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    return library
