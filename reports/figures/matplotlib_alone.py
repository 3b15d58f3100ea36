"""matplotlib, without the settings that lie in the working folder.

It reads a file ``matplotlibrc`` there before all others, as soon as it is imported, and such a file
can name programs to run; it may have come with the folder. So all that is used of matplotlib is
imported here, from another folder. The user's own settings are read as ever.
"""

from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path


@contextmanager
def _away() -> Iterator[None]:
    try:
        Path.cwd()
    except FileNotFoundError:  # it was removed, and holds nothing
        yield
        return
    with chdir(Path(__file__).parent):
        yield


with _away():
    import matplotlib as mpl
    from matplotlib import ticker
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["Axes", "Axis", "Figure", "Line2D", "mpl", "ticker"]
