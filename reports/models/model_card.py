"""The README of an exported model: what it is, how good it is, and how to load it."""

from typing import Any

import jinja2

from reports.models.plain_torch import definition
from spaces.budget import N_TRAIN_FILE, N_VALIDATION, Budget
from spaces.config_files import ConfigFile
from spaces.safe_text import markdown
from spaces.stages import AUTOENCODER, Stage
from spaces.wording import count, percent, points
from studies.data.images import CLASS_NAMES
from studies.networks import exported
from studies.networks.plain import Autoencoder, Classifier
from studies.records.latencies import latency_of

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
    assert file.trained_with is not None
    return environment.get_template("model_card.md.j2").render(
        title=f"{file.stage.name.capitalize()} {markdown(metrics['study'])}#{metrics['trial']}",
        what=_what(file, metrics),
        protocol=_protocol(file.trained_with.budget, metrics),
        figures=_figures(metrics),
        figures_note=_figures_note(file.stage.name),
        checksum_known=metrics["weights_checksum_known"],
        finals=[_final(final) for final in metrics["finals"]],
        classes=_classes(metrics.get("confusion")),
        definition=definition(network),
        onnx=metrics["onnx"],
        commands=_commands(file.stage, file_names[0]),
        files=[(name, _FILES[name]) for name in file_names],
    )


def _what(file: ConfigFile, metrics: dict[str, Any]) -> list[str]:
    if file.stage.name == "classifier":
        kind = (
            "A classifier of Fashion-MNIST's ten classes: the encoder of a convolutional "
            "autoencoder and fully connected layers. Its outputs are logits, in the order "
            f"{', '.join(CLASS_NAMES)}."
        )
    else:
        kind = (
            "A convolutional autoencoder of Fashion-MNIST's images: an encoder to a small latent "
            "map, and a decoder from there back to the image."
        )
    words = [kind, "", f"Configuration: {markdown(metrics['configuration'])}."]
    if metrics["paper"]:
        words.append(f"It is the paper's configuration *{markdown(metrics['paper'])}*.")
    if metrics.get("origin") == "given":
        words.append("A person gave it to its study; no search found it.")
    if metrics.get("encoder"):
        words.append(f"Its encoder started from {_origin(metrics['encoder'])}.")
    return words


def _origin(encoder: dict[str, Any]) -> str:
    if encoder["source"] == "scratch":
        return "random weights"
    named = encoder["source"] if encoder["trial"] is None else None
    return f"the autoencoder {markdown(named or '{study}#{trial}'.format(**encoder))}"


def _protocol(budget: Budget, metrics: dict[str, Any]) -> list[str]:
    images = (
        "Fashion-MNIST: grey images of 28×28 pixels in ten classes, MIT licence. Pixels from 0 to "
        "255 are scaled to [−1, 1]."
    )
    n_train, n_validation = map(count, _n_images(budget))
    if budget.protocol == "paper":
        judged = (
            f"Trained on {n_train} of the training images and judged by {n_validation} of the "
            "test images, as the paper does: to compare with its tables, not as an estimate for "
            "new images."
        )
    else:
        judged = (
            f"Trained on {n_train} of the {count(N_TRAIN_FILE)} training images and judged by "
            f"{n_validation} others of them; the test images were not looked at."
        )
    n_epochs = metrics["n_epochs"]
    if n_epochs < budget.epochs:
        trained = (
            f"The search stopped it after {n_epochs} of {budget.epochs} epochs; training the "
            "configuration again goes through all of them."
        )
    else:
        trained = f"Trained for {budget.epochs} epochs."
    return [images, "", f"{judged} {trained}"]


def _n_images(budget: Budget) -> tuple[int, int]:
    if budget.subset is not None:
        return budget.subset - budget.n_judging, budget.n_judging
    held_out = N_VALIDATION if budget.protocol == "search" else 0
    return N_TRAIN_FILE - held_out, budget.n_judging


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


def _figures_note(stage: str) -> str:
    scale = (
        "Losses are the cross-entropy in nats"
        if stage == "classifier"
        else "Losses are the mean squared error of pixels in [−1, 1]"
    )
    return (
        f"{scale}, times 100. These are of one training with one seed. Where a search chose the "
        "configuration by its validation figure, that figure flatters it."
    )


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


def _commands(stage: Stage, config: str) -> list[str]:
    commands = [
        "fmnist-search predict DIR picture.png",
        f"fmnist-search train DIR/{config}",
        f"fmnist-search {stage.short} --enqueue DIR/{config}",
    ]
    return [*commands, "fmnist-search clf --encoder DIR"] if stage is AUTOENCODER else commands
