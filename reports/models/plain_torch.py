"""Networks as lines of plain PyTorch, for people who do not have this program."""

import inspect
from collections.abc import Iterator

from torch import nn

WIDTH = 92
"""Characters a line at most."""


def definition(network: nn.Module) -> str:
    """Code that builds the network's layers under their names, which ``state_dict`` has too.

    It uses ``nn`` and ``OrderedDict`` and leaves the network in the variable ``model``.
    """
    lines = ["layers = lambda **named: nn.Sequential(OrderedDict(named))"]
    for name, part in network.named_children():
        items = [f"{inner}={constructor(module)}" for inner, module in part.named_children()]
        lines += [f"{name} = layers(", *_filled(items), ")"]
    parts = ", ".join(f"{name}={name}" for name, _ in network.named_children())
    return "\n".join([*lines, f"model = layers({parts})"])


def constructor(module: nn.Module) -> str:
    """The call that makes such a layer, without what is PyTorch's default: nn.Conv2d(1, 64, 3)."""
    arguments, by_position = [], True
    for name, parameter in inspect.signature(type(module)).parameters.items():
        value = _argument(module, name)
        if value == parameter.default or not hasattr(module, name):
            by_position = False
        else:
            arguments.append(repr(value) if by_position else f"{name}={value!r}")
    return f"nn.{type(module).__name__}({', '.join(arguments)})"


def _argument(module: nn.Module, name: str) -> object:
    value = getattr(module, name, None)
    if name == "bias":
        return value is not None
    if isinstance(value, tuple) and len(set(value)) == 1:
        return value[0]
    return value


def _filled(items: list[str]) -> Iterator[str]:
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > WIDTH:
            yield line
            line = "   "
        line += f" {item},"
    yield line
