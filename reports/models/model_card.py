"""The README of an exported model: what it is, how good it is, and how to load it."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import jinja2

from reports.models.plain_torch import definition
from spaces.budget import N_TRAIN_FILE, N_VALIDATION, Budget
from spaces.config_files import ConfigFile
from spaces.safe_text import markdown, visible
from spaces.stages import Stage
from spaces.wording import MISSING, better, count, measured, percent
from studies.data.images import CLASS_NAMES
from studies.networks import exported
from studies.networks.plain import Autoencoder, Classifier
from studies.records.costs import latency_of

DATASET = "zalando-datasets/fashion_mnist"
"""The data set's identifier on the Hugging Face Hub."""

_FILES = {
    exported.CONFIG_JSON: "the configuration, and what it was trained with",
    exported.CONFIG_TOML: "the configuration, and what it was trained with",
    exported.SCHEMA: "JSON Schema of the configuration's file",
    exported.WEIGHTS: "the weights; safetensors files hold no code",
    exported.ENCODER: "the weights that its encoder started from",
    exported.ONNX: "the network and its weights for ONNX Runtime",
    exported.NOVELTY: "statistics of training images, for the warnings of `predict`",
    exported.CONFUSION: "the validation images by true and predicted class",
    exported.RECONSTRUCTIONS: "a validation image of each class and its reconstruction",
    exported.METRICS: "metrics for every epoch, and the origin of the model",
}

_MARKS = re.compile(r"[<&`\[]")
"""What Markdown reads as HTML, code or a link."""


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
    (picture,) = {exported.CONFUSION, exported.RECONSTRUCTIONS} & set(file_names)
    return environment.get_template("model_card.md.j2").render(
        stage=file.stage,
        header=_header(file.stage, budget, metrics),
        picture=picture,
        budget=budget,
        metrics=metrics,
        encoder=metrics["encoder"] and _origin(metrics["encoder"]),
        n_train=_n_train(budget),
        n_train_file=N_TRAIN_FILE,
        figures=_figures(metrics),
        smoothing=getattr(file.config, "label_smoothing", 0.0),
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


def _header(stage: Stage, budget: Budget, metrics: dict[str, Any]) -> str:
    """The card's metadata as YAML, by https://github.com/huggingface/hub-docs, modelcard.md."""
    last = metrics["last_epoch"]
    if stage.name == "classifier":
        task = {"type": "image-classification", "name": "Image Classification"}
        metric = {"type": "accuracy", "value": round(last["validation_accuracy"], 6)}
    else:
        task = {"type": "image-feature-extraction", "name": "Image Reconstruction"}
        metric = {"type": "mse", "value": round(last["validation_loss"], 6)}
    split = "test" if budget.protocol == "paper" else "train"
    judged_by = f"{budget.n_judging:,} {'test' if split == 'test' else 'held-out training'} images"
    dataset = {"type": DATASET, "name": f"Fashion-MNIST, {judged_by}", "split": split}
    named = metric | {"name": f"validation {metric['type']}"}
    result = {"task": task, "dataset": dataset, "metrics": [named]}
    fields: dict[str, Any] = {
        "license": "mit",
        "pipeline_tag": task["type"],
        "tags": ["pytorch", "onnx", "safetensors", "fashion-mnist", stage.name, "optuna"],
        "datasets": [DATASET],
        "metrics": [metric["type"]],
        "model-index": [
            {"name": f"{visible(metrics['study'])}#{metrics['trial']}", "results": [result]}
        ],
    }
    return "\n".join(_in_yaml(fields))


def _in_yaml(value: Any, indent: str = "") -> Iterator[str]:
    r"""Lines of YAML: dictionaries and lists as blocks; texts and numbers as JSON, a part of it.

    What a viewer that knows no headers would take for HTML or a link is written as ``\u003c``,
    which YAML reads as the character itself.
    """
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        name = f"{key}:" if isinstance(value, dict) else "-"
        if not isinstance(inner, dict | list):
            plain = isinstance(inner, str) and re.fullmatch(r"[a-z][\w/-]+", inner)
            yield f"{indent}{name} {inner if plain else _quoted(inner)}"
            continue
        lines = list(_in_yaml(inner, indent + "  "))
        if name == "-":
            yield f"{indent}- {lines[0].lstrip()}"
            yield from lines[1:]
        else:
            yield f"{indent}{name}"
            yield from lines


def _quoted(value: Any) -> str:
    written = json.dumps(value, ensure_ascii=False)
    return _MARKS.sub(lambda mark: rf"\u{ord(mark.group()):04x}", written)


def _figures(metrics: dict[str, Any]) -> list[tuple[str, str]]:
    last = metrics["last_epoch"]
    rows = [
        (
            f"{name.replace('_', ' ').replace('train ', 'training ')} {better(name)}",
            measured(last[name], name),
        )
        for name in ("validation_accuracy", "validation_loss", "train_accuracy", "train_loss")
        if name in last
    ]
    rows.append(("parameters", count(metrics["n_parameters"])))
    rows.append(("multiply-adds for one image", count(metrics["n_multiply_adds"])))
    latency = latency_of(metrics)
    if latency is not None:
        rows.append(("time for 100 images on one thread", latency.in_words()))
    return rows


def _final(final: dict[str, Any]) -> str:
    metric, n_seeds = final["metric"], final["n_seeds"]
    mean = f"mean {metric} {measured(final['mean'], metric)}"
    over = f"over {n_seeds} seeds" if n_seeds > 1 else "with one seed, so without an interval"
    interval = ""
    if final["low"] is not None:
        low, high = (measured(final[end], metric) for end in ("low", "high"))
        interval = f", 95 % interval {low} to {high},"
    return f"{mean}{interval} {over}; {final['budget']}; judged by {final['judged_by']}"


def _classes(confusion: Sequence[Sequence[int]] | None) -> list[tuple[str, str, str]]:
    """For each class its recall, and which classes its other images are taken for most."""
    rows = []
    for label, counts in enumerate(confusion or []):
        wrong = [(n, -other) for other, n in enumerate(counts) if other != label and n]
        worst = [f"{CLASS_NAMES[-other]} ({count(n)})" for n, other in sorted(wrong)[:-3:-1]]
        recall = percent(counts[label] / max(1, sum(counts)), digits=1)
        rows.append((CLASS_NAMES[label], recall, ", ".join(worst) or MISSING))
    return rows
