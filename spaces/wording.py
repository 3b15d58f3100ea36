"""How figures are said to people: shares, differences, losses, counts, durations.

Each kind of figure is written here and nowhere else. Pure functions of numbers.
"""

MISSING = "–"
"""What stands for a figure that is not there."""

UNITS = (("G", 1e9), ("M", 1e6), ("k", 1e3))


def percent(share: float | None, digits: int = 2, sign: str = "") -> str:
    """A share, an accuracy, or a loss as the paper prints it: 0.0175 is ``1.75 %``.

    Args:
        share: 1 is all.
        digits: after the point.
        sign: ``+`` for one before what is positive too.
    """
    return MISSING if share is None else f"{100 * share:{sign}.{digits}f} %"


def points(difference: float | None, digits: int = 2, sign: str = "") -> str:
    """A difference of two shares in points, without a unit: 0.0023 is ``0.23``."""
    return MISSING if difference is None else f"{100 * difference:{sign}.{digits}f}"


def loss(value: float | None, digits: int = 5) -> str:
    """A loss as it is, not in percent: ``0.01752``."""
    return MISSING if value is None else f"{value:.{digits}f}"


def count(number: float | None) -> str:
    """A whole number: ``18,193``."""
    return MISSING if number is None else f"{round(number):,}"


def short_count(number: int | None) -> str:
    """A whole number in three digits or so: ``18.2k``, ``3.14M``."""
    if number is None:
        return MISSING
    for name, unit in UNITS:
        if number >= unit:
            digits = 2 if number < 10 * unit else 1 if number < 100 * unit else 0
            return f"{number / unit:.{digits}f}{name}"
    return str(number)


def counted(number: int, noun: str) -> str:
    """So many of something: ``1 epoch``, ``30 epochs``."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def size(n_bytes: int) -> str:
    """A file's size: ``3.5 MB``, ``38.4 kB``."""
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:,.1f} kB"


def duration(seconds: float) -> str:
    """A time as a person says it: ``45 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
