"""What somebody needs to get the same results again."""

import shlex
from typing import Any

import pandas
from optuna.trial import FrozenTrial

from reports.document import Block, Code, Column, Section, Table, Text
from reports.sources import Source, Sources
from reports.texts import Texts
from spaces.budget import Budget
from spaces.dimensions import format_value, is_active
from spaces.stages import AUTOENCODER, CLASSIFIER
from studies import trials
from studies.data import SPLIT_SEED

MADE_WITH = "made_with"
"""Attribute of a study: versions and machine."""


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
    """The command that trains the trial's configuration again, by the same seed, in a new study.

    A trial's seed comes from its study's seed and its configuration, so a study that holds nothing
    else gives the same weights, bit for bit on the same machine and versions.
    """
    settings = source.settings
    config_type = settings.stage_record().spaces["paper"].config_type
    config = config_type.from_dict(trial.user_attrs[trials.CONFIG])
    words = ["fmnist-search", settings.stage_record().short, "--study", f"{source.name}-again"]
    words += ["--trials", "1", "--space", settings.space_name]
    if settings.encoder is not None:
        words += ["--encoder", settings.encoder_in_words()]
    for dimension in settings.stage_record().spaces[settings.space_name].dimensions:
        if is_active(dimension, config):
            value = format_value(getattr(config, dimension.name))
            words += [f"--{dimension.name.replace('_', '-')}", value]
    return shlex.join([*words, *_budget(settings.budget, settings.seed), *_storage(storage)])


def _repeating(
    source: Source, trial: FrozenTrial, storage: str | None, texts: Texts
) -> list[Block]:
    label = f"{source.name}#{trial.number}"
    final = ["fmnist-search", "train", label, "--seeds", "5", *_storage(storage)]
    study = ["fmnist-search", source.settings.stage_record().short, "--study", source.name]
    n_searched = len(trials.searched_results(source.trials))
    budget = _budget(source.settings.budget, source.settings.seed)
    whole = [*study, "--trials", str(n_searched), *budget, *_storage(storage)]
    return [
        Text(texts("origin.repeat", trial=label, seed=trial.user_attrs.get(trials.SEED, "?"))),
        Code(repeat_command(source, trial, storage)),
        Text(texts("origin.final", trial=label)),
        Code(shlex.join(final)),
        Text(texts("origin.whole", study=source.name)),
        Code(shlex.join(whole)),
    ]


def _budget(budget: Budget, seed: int) -> list[str]:
    words = ["--epochs", str(budget.epochs), "--seed", str(seed)]
    return words + (["--subset", str(budget.subset)] if budget.subset is not None else [])


def _storage(storage: str | None) -> list[str]:
    return [] if storage is None else ["--storage", storage]


def _versions(studies: list[Source], texts: Texts) -> Table:
    rows: list[dict[str, Any]] = []
    for source in studies:
        made_with = source.study.user_attrs.get(MADE_WITH, {})
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
