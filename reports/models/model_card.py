"""The README of an exported model: what it is, how good it is, and how to load it."""

from typing import Any

import jinja2

from reports.models.plain_torch import definition
from spaces.budget import N_TRAIN_FILE, N_VALIDATION, Budget
from spaces.config_files import ConfigFile
from spaces.safe_text import markdown
from spaces.wording import count, percent, points
from studies.data.images import CLASS_NAMES
from studies.networks import exported
from studies.networks.plain import Autoencoder, Classifier
from studies.records.costs import latency_of

_FILES = {
    exported.CONFIG_JSON: "the configuration, and what it was trained with",
    exported.CONFIG_TOML: "the configuration, and what it was trained with",
    exported.SCHEMA: "JSON Schema of the configuration's file",
    exported.WEIGHTS: "the weights; safetensors files hold no code",
    exported.ENCODER: "the weights that its encoder started from",
    exported.ONNX: "the network and its weights for ONNX Runtime",
    exported.METRICS: "all figures, epoch by epoch, and where the model comes from",
}


def model_card(
    file: ConfigFile,
    network: Autoencoder | Classifier,
    metrics: dict[str, Any],
    file_names: list[str],
) -> str:
    """The card as Markdown.

    Args:
        file: the model's configuration and what it was trained with.
        network: the plain network.
        metrics: the fields of ``metrics.json``.
        file_names: the folder's other files, the configuration's first.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "templates"),
        autoescape=False,  # Markdown; what others chose is escaped as such
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {"markdown": markdown, "count": count}
    assert file.trained_with is not None
    budget = file.trained_with.budget
    return environment.get_template("model_card.md.j2").render(
        stage=file.stage,
        budget=budget,
        metrics=metrics,
        encoder=metrics["encoder"] and _origin(metrics["encoder"]),
        n_train=_n_train(budget),
        n_train_file=N_TRAIN_FILE,
        figures=_figures(metrics),
        finals=[_final(final) for final in metrics["finals"]],
        class_names=CLASS_NAMES,
        classes=_classes(metrics["confusion"]),
        definition=definition(network),
        config=file_names[0],
        files=[(name, _FILES[name]) for name in file_names],
    )


def _origin(encoder: dict[str, Any]) -> str:
    if encoder["source"] == "scratch":
        return "random weights"
    named = encoder["source"] if encoder["trial"] is None else None
    return f"the autoencoder {markdown(named or '{study}#{trial}'.format(**encoder))}"


def _n_train(budget: Budget) -> int:
    if budget.subset is not None:
        return budget.subset - budget.n_judging
    return N_TRAIN_FILE - (N_VALIDATION if budget.protocol == "search" else 0)


def _figures(metrics: dict[str, Any]) -> list[tuple[str, str]]:
    last = metrics["last_epoch"]
    names = {
        "validation_accuracy": "validation accuracy",
        "validation_loss": "validation loss",
        "train_accuracy": "training accuracy",
        "train_loss": "training loss",
    }
    rows = [(words, percent(last[name])) for name, words in names.items() if name in last]
    rows.append(("parameters", count(metrics["n_parameters"])))
    rows.append(("multiply-adds an image", count(metrics["n_multiply_adds"])))
    latency = latency_of(metrics)
    if latency is not None:
        rows.append(("time for 100 images on one thread", latency.in_words()))
    return rows


def _final(final: dict[str, Any]) -> str:
    mean, n_seeds = f"mean {final['metric']} {percent(final['mean'])}", final["n_seeds"]
    over = f"over {n_seeds} seeds" if n_seeds > 1 else "of one seed, so without an interval"
    interval = ""
    if final["low"] is not None:
        low, high = points(final["low"]), percent(final["high"])
        interval = f", 95 % interval {low} to {high},"
    return f"{mean}{interval} {over}; {final['budget']}; judged by {final['judged_by']}"


def _classes(confusion: list[list[int]] | None) -> list[tuple[str, str, str]]:
    """For each class, how many of its images were recognised, and what most others passed for."""
    rows = []
    for label, counts in enumerate(confusion or []):
        others = {other: n for other, n in enumerate(counts) if other != label and n}
        worst = max(others, key=lambda other: others[other], default=None)
        taken_for = "–" if worst is None else f"{CLASS_NAMES[worst]} ({others[worst]})"
        rows.append((CLASS_NAMES[label], f"{counts[label]} of {sum(counts)}", taken_for))
    return rows
