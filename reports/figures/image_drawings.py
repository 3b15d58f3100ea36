"""Figures of images, classes and weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from reports.document.parts import Drawing
from reports.document.texts import Texts
from reports.figures.looks import BLUE, CLASS_COLORS, GREY, MARKERS
from reports.figures.matplotlib_alone import Axes
from reports.figures.style import numbers, panels, picture
from reports.models.on_validation import N_EXAMPLES, ClassErrors, ConfusedPair, LatentMap
from studies.data.images import CLASS_NAMES


def reconstructions(name: str, shown: Mapping[str, Tensor], texts: Texts) -> Drawing:
    """Five classes a panel, so that each is large enough on a telephone."""
    titles = [texts(f"models.{of}") for of in shown]
    with panels(2, 0.3 + 1.9 * len(shown)) as (figure, axes):
        for ax, labels in zip(axes, (range(5), range(5, 10)), strict=True):
            _montage(ax, [[images[label].numpy() for label in labels] for images in shown.values()])
            names = [CLASS_NAMES[label] for label in labels]
            ax.set_xticks(_centres(5), names, fontsize=8)
            ax.set_yticks(_centres(len(titles)), titles, fontsize=8)
            ax.xaxis.tick_top()
        return picture(figure, name)


def strip(name: str, shown: Mapping[str, Tensor], texts: Texts) -> Drawing:
    """All classes side by side, a row for each of the originals and the reconstructions."""
    with panels(1, 0.1 + 0.44 * len(shown)) as (figure, (ax,)):
        _montage(ax, [[image.numpy() for image in images] for images in shown.values()])
        ax.set_yticks(_centres(len(shown)), [texts(f"models.{of}") for of in shown], fontsize=8)
        ax.set_xticks([])
        return picture(figure, name)


def class_errors(name: str, errors: ClassErrors, texts: Texts) -> Drawing:
    """A pair of bars for each class, the hardest on top."""
    order = sorted(range(len(CLASS_NAMES)), key=lambda label: errors.best[label])
    with panels(1, 3.6) as (figure, (ax,)):
        y = np.arange(len(order), dtype=float)
        width = 0.8 if errors.baseline is None else 0.4
        best = [errors.best[label] for label in order]
        if errors.baseline is not None:
            base = [errors.baseline[label] for label in order]
            ax.barh(y + 0.2, base, width, color=GREY, hatch="//", edgecolor="white",
                    label=texts("models.baseline"))  # fmt: skip
            y = y - 0.2
        ax.barh(y, best, width, color=BLUE, label=texts("models.best"))
        ax.set_yticks(range(len(order)), [CLASS_NAMES[label] for label in order])
        numbers(ax.xaxis, texts)
        ax.set_xlabel(texts("axes.mse"))
        ax.grid(axis="y", visible=False)
        figure.legend(loc="outside upper left", ncols=2)
        return picture(figure, name)


def confusion(name: str, counts: Sequence[Sequence[int]], texts: Texts) -> Drawing:
    """The confusion matrix in percent of each true class."""
    matrix = np.array(counts, dtype=float)
    percent = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    with panels(1, 5.0) as (figure, (ax,)):
        ax.imshow(percent, cmap="Blues", vmin=0, vmax=100)
        for (row, column), value in np.ndenumerate(percent):
            if value >= 0.05:
                color = "white" if value > 50 else "#1b1d23"
                text = f"{value:.0f}" if value >= 9.95 else texts.decimals(f"{value:.1f}")
                ax.text(column, row, text, ha="center", va="center", fontsize=7, color=color)
        ticks: dict[str, Any] = {"fontsize": 7.5}
        ax.set_xticks(range(len(CLASS_NAMES)), CLASS_NAMES, rotation=45, ha="right", **ticks)
        ax.set_yticks(range(len(CLASS_NAMES)), CLASS_NAMES, **ticks)
        ax.set(xlabel=texts("axes.predicted"), ylabel=texts("axes.true"))
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        return picture(figure, name)


def confused_pairs(name: str, pairs: Sequence[ConfusedPair], texts: Texts) -> Drawing:
    """Examples of each pair, a row each."""
    with panels(len(pairs), 1.05 * len(pairs)) as (figure, axes):
        for ax, pair in zip(axes, pairs, strict=True):
            images = [example.numpy() for example in pair.examples]
            blank = [np.zeros((28, 28))] * (N_EXAMPLES - len(images))
            _montage(ax, [[*images, *blank]])
            ax.set_axis_off()
            words = texts("models.taken_for", true=pair.true, predicted=pair.predicted)
            ax.set_title(f"{words} ({texts.number(pair.share, 'share')})", fontsize=8.5)
        return picture(figure, name)


def kernels(name: str, weights: Tensor) -> Drawing:
    """The kernels of the first layer, each on its own scale, blue negative and red positive."""
    n_columns = min(8, len(weights))
    n_rows = -(-len(weights) // n_columns)
    side = weights.shape[-1]
    grid = np.full((n_rows * (side + 1) - 1, n_columns * (side + 1) - 1), np.nan)
    for i, kernel in enumerate(weights.numpy()):
        top, left = (part * (side + 1) for part in divmod(i, n_columns))
        reach = float(np.abs(kernel).max()) or 1.0
        grid[top : top + side, left : left + side] = kernel / reach
    with panels(1, 0.2 + 4.6 * grid.shape[0] / grid.shape[1]) as (figure, (ax,)):
        ax.imshow(np.ma.masked_invalid(grid), cmap="RdBu_r", vmin=-1, vmax=1)
        ax.set_axis_off()
        return picture(figure, name)


def latent_map(name: str, shown: LatentMap, texts: Texts) -> Drawing:
    """Images as points on two principal components, a colour and marker for each class."""
    looks = zip(MARKERS, CLASS_COLORS, CLASS_NAMES, strict=True)
    with panels(1, 5.2) as (figure, (ax,)):
        for (x, y), (marker, color, name_of_class) in zip(shown.by_class(), looks, strict=True):
            style: dict[str, Any] = {"s": 7, "alpha": 0.7, "linewidths": 0}
            ax.scatter(x, y, marker=marker, color=color, label=name_of_class, **style)
        numbers(ax.xaxis, texts)
        numbers(ax.yaxis, texts)
        ax.set(xlabel=component(texts, shown, 1), ylabel=component(texts, shown, 2))
        figure.legend(loc="outside upper left", ncols=3, markerscale=2, columnspacing=1)
        return picture(figure, name)


def component(texts: Texts, shown: LatentMap, number: int) -> str:
    """An axis of the latent map in words."""
    return texts("axes.component", number=number, share=f"{100 * shown.shares[number - 1]:.0f}")


def _montage(ax: Axes, rows: Sequence[Sequence[NDArray[Any]]]) -> None:
    """Images as one, dark on white, with gaps of four pixels between them."""
    lines = [np.concatenate([np.pad(image, ((0, 0), (2, 2))) for image in row], 1) for row in rows]
    whole = np.concatenate([np.pad(line, ((2, 2), (0, 0))) for line in lines])
    ax.imshow(whole, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def _centres(n: int) -> list[float]:
    """Where the middles of a montage's images are."""
    return [15.5 + 32 * i for i in range(n)]
