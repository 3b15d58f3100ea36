"""How figures are said to people: losses, accuracies, differences, counts, durations.

Each kind of figure is written here and nowhere else. Pure functions of numbers.
"""

MISSING = "–"
"""What stands for a figure that is not there."""

UNITS = (("G", 1e9), ("M", 1e6), ("k", 1e3))


def percent(share: float | None, digits: int = 2, sign: str = "") -> str:
    """A share or an accuracy, or a loss beside those that the paper prints: 0.0175 is ``1.75 %``.

    Args:
        share: 1 is all.
        digits: after the point.
        sign: ``+`` for one before what is positive too.
    """
    return MISSING if share is None else f"{100 * share:{sign}.{digits}f} %"


def points(difference: float | None, digits: int = 2, sign: str = "") -> str:
    """A difference of two shares in points, without a unit: 0.0023 is ``0.23``."""
    return MISSING if difference is None else f"{100 * difference:{sign}.{digits}f}"


def loss(value: float | None, digits: int = 4) -> str:
    """A loss as it is: ``0.0175``."""
    return MISSING if value is None else f"{value:.{digits}f}"


def measured(value: float | None, metric: str) -> str:
    """What a network came to: an accuracy in percent, a loss as it is.

    Args:
        value: by the metric.
        metric: its name, such as ``validation_loss``.
    """
    return percent(value) if metric.endswith("accuracy") else loss(value)


def better(metric: str) -> str:
    """The arrow that says which way a metric is better, for the head of a column or an axis."""
    return "↑" if metric.endswith("accuracy") else "↓"


def in_items(text: str, width: int) -> list[str]:
    """Lines of at most so many characters, each of which ends after a comma, where that can be."""
    lines: list[str] = []
    for item in text.split(", "):
        if lines and len(lines[-1]) + len(item) + 3 <= width:  # a comma may come after it too
            lines[-1] += f", {item}"
        else:
            lines.append(item)
    return [line + "," for line in lines[:-1]] + lines[-1:]


def cut(text: str, width: int) -> str:
    """The text in so many characters at most; what has no room is left out, item by item."""
    if len(text) <= width:
        return text
    whole = in_items(text, max(0, width - 1))[0]
    return f"{whole} …" if len(whole) + 2 <= width else f"{text[: max(0, width - 1)]}…"


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


def duration(seconds: float | None) -> str:
    """A time as a person says it: ``45 s``, ``3 min 20 s``, ``2 h 05 min``; a dash for none."""
    if seconds is None:
        return MISSING
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
