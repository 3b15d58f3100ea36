"""What somebody needs to get the same results again."""

import shlex
from typing import Any

import pandas
from optuna.trial import FrozenTrial

from reports.document import Block, Code, Column, Section, Table, Text
from reports.sources import Source, Sources
from reports.texts import Texts
from spaces.stages import AUTOENCODER, CLASSIFIER
from studies import attempts, trials
from studies.data import SPLIT_SEED


def origin_section(sources: Sources, storage: str | None, texts: Texts) -> Section:
    """Versions, seeds, split, machine, commands, and what the test images were used for.

    Args:
        sources: what the report reads.
        storage: ``--storage`` as commands must repeat it; None for the default.
        texts: the report's language.
    """
    section = Section("reproducibility", texts("origin.title"))
    section.blocks += [
        Text(texts("origin.split", seed=SPLIT_SEED)),
        Text(texts("origin.test_set"), is_notice=True),
        Text(texts("origin.seeds")),
    ]
    studies = [*sources.searches, *sources.reproductions]
    if studies:
        section.blocks.append(_versions(studies, texts))
    for stage in (AUTOENCODER, CLASSIFIER):
        main = sources.main(stage)
        best = main.best() if main else None
        if main is not None and best is not None:
            section.blocks += _repeating(main, best, storage, texts)
    return section


def repeat_command(source: Source, trial: FrozenTrial, storage: str | None) -> str:
    """The command that trains the trial once more as it was, to the same weights."""
    words = ["fmnist-search", "train", f"{source.name}#{trial.number}", "--repeat"]
    threads = trial.user_attrs.get(trials.N_THREADS, 1)
    words += ["--threads", str(threads)] if threads != 1 else []
    return shlex.join([*words, *storage_option(storage)])


def search_command(source: Source, storage: str | None) -> str:
    """The command that makes the study: space, budget, seed, limits and encoder as they were."""
    settings, stage = source.settings, source.settings.stage_record()
    words = ["fmnist-search", stage.short, "--study", source.name]
    words += ["--trials", str(attempts.n_tried(source.trials))]
    words += ["--epochs", str(settings.budget.epochs), "--seed", str(settings.seed)]
    if settings.budget.subset is not None:
        words += ["--subset", str(settings.budget.subset)]
    if settings.space_name != "paper":
        words += ["--space", settings.space_name]
    whole = stage.spaces[settings.space_name].describe()
    for name, values in settings.space.items():
        if values != whole.get(name):
            words += [f"--{name.replace('_', '-')}", values]
    if settings.encoder is not None:
        words += ["--encoder", settings.encoder_in_words()]
    names = {metric.key: name for name, metric in stage.metrics.items()}
    if settings.objectives:
        words += ["--objectives", ",".join([names[settings.metric], *settings.objectives])]
    elif settings.metric != next(iter(names)):
        words += ["--metric", names[settings.metric]]
    limits = {"--max-params": settings.max_params, "--max-latency": settings.max_latency_ms}
    for option, limit in limits.items():
        words += [option, f"{limit:g}"] if limit is not None else []
    return shlex.join([*words, *storage_option(storage)])


def _repeating(
    source: Source, trial: FrozenTrial, storage: str | None, texts: Texts
) -> list[Block]:
    label = f"{source.name}#{trial.number}"
    final = ["fmnist-search", "train", label, "--seeds", "5", *storage_option(storage)]
    return [
        Text(texts("origin.repeat", trial=label, seed=trial.user_attrs.get(trials.SEED, "?"))),
        Code(repeat_command(source, trial, storage)),
        Text(texts("origin.final", trial=label)),
        Code(shlex.join(final)),
        Text(texts("origin.whole", study=source.name)),
        Code(search_command(source, storage)),
    ]


def storage_option(storage: str | None) -> list[str]:
    """What a command needs to find the storage; None is the default one."""
    return [] if storage is None else ["--storage", storage]


def _versions(studies: list[Source], texts: Texts) -> Table:
    rows: list[dict[str, Any]] = []
    for source in studies:
        made_with = source.study.user_attrs.get(trials.MADE_WITH, {})
        encoder = source.settings.encoder
        rows.append(
            {
                "study": source.name,
                "seed": source.settings.seed,
                "encoder": source.settings.encoder_in_words() if encoder else None,
                "threads": _threads(source),
                **made_with,
            }
        )
    keys = list(dict.fromkeys(key for row in rows for key in row))
    known = {"study", "seed", "encoder", "threads", "machine"}
    titles = {key: texts(f"origin.{key}") if key in known else key for key in keys}
    columns = tuple(Column(key, titles[key]) for key in keys)
    return Table("versions", texts("origin.versions"), pandas.DataFrame(rows), columns)


def _threads(source: Source) -> str | None:
    counts = {
        t.user_attrs[trials.N_THREADS] for t in source.trials if trials.N_THREADS in t.user_attrs
    }
    return ", ".join(map(str, sorted(counts))) or None
