"""What somebody needs to get the same results again."""

import shlex

import pandas
from optuna.trial import FrozenTrial

from reports.analysis.chosen_studies import Source, Sources
from reports.document.numbers import Notation
from reports.document.parts import Block, Code, Column, Section, Table, Text
from reports.document.texts import Texts
from reports.page.repeating import FOLDER, in_ranges, made_at_once, search_commands
from reports.page.words import columns, filled, storage_option
from spaces.stages import AUTOENCODER, CLASSIFIER
from studies.data.images import SPLIT_SEED
from studies.records import attributes, runs, trials


def origin_section(sources: Sources, storage: str | None, texts: Texts) -> Section:
    """Versions, seeds, split, machine, commands, and what the test images were used for."""
    about: list[Block] = [
        Text(texts("origin.split", seed=SPLIT_SEED)),
        Text(texts("origin.test_set"), is_notice=True),
        Text(texts("origin.seeds")),
    ]
    section = Section("reproducibility", texts("origin.title"), about)
    studies = [*sources.searches, *sources.reproductions]
    if studies:
        section.blocks.append(_versions(studies, texts))
        section.blocks += filter(None, [_runs(studies, texts)])
    for stage in (AUTOENCODER, CLASSIFIER):
        main = sources.main(stage)
        best = main.best() if main else None
        if main is not None and best is not None:
            section.blocks += _repeating(main, best, storage, texts)
    return section


def _repeating(
    source: Source, trial: FrozenTrial, storage: str | None, texts: Texts
) -> list[Block]:
    label = f"{source.name}#{trial.number}"
    train, place = ["fmnist-search", "train", label], storage_option(storage)
    threads = trial.user_attrs.get(trials.N_THREADS, 1)
    as_it_was = ["--repeat", *(["--threads", str(threads)] if threads != 1 else [])]
    return [
        Text(texts("origin.repeat", trial=label, seed=trial.user_attrs.get(trials.SEED, "?"))),
        Code(shlex.join([*train, *as_it_was, *place])),
        Text(texts("origin.final", trial=label)),
        Code(shlex.join([*train, "--seeds", "5", *place])),
        *_repeating_all(source, texts),
    ]


def _repeating_all(source: Source, texts: Texts) -> list[Block]:
    """How the whole search is repeated, and what of it cannot be."""
    commands, known = search_commands(source), runs.of(source.study)
    blocks: list[Block] = [
        Text(texts.choose("origin.whole", len(commands), study=source.name)),
        *map(Code, commands),
    ]
    notes = []
    if not known or known[0].n_before:
        notes.append(texts("origin.unknown_runs", study=source.name))
    if any(run.given for run in known):
        notes.append(texts("origin.given", folder=FOLDER))
    if (n_at_once := made_at_once(source)) > 1:
        notes.append(texts("origin.side_by_side", n=n_at_once))
    if source.settings.encoder is not None and source.settings.encoder.trial is not None:
        notes.append(texts("origin.encoder_first", encoder=source.settings.encoder))
    if any(trials.TAKEN_FROM in attributes.of(trial) for trial in source.trials()):
        notes.append(texts("origin.taken_over", study=source.name))
    return [*blocks, Text(" ".join(notes))] if notes else blocks


def _versions(studies: list[Source], texts: Texts) -> Table:
    rows = [
        {
            "study": source.name,
            "seed": source.settings.seed,
            "encoder": str(source.settings.encoder) if source.settings.encoder else None,
            "threads": _threads(source),
            **_made_with(source),
        }
        for source in studies
    ]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    known = {"study", "seed", "encoder", "threads", "machine", "processor"}
    titles = {key: texts(f"origin.{key}") if key in known else key for key in keys}
    frame = pandas.DataFrame(rows)
    shown = filled((Column(key, titles[key]) for key in keys), frame)
    return Table("versions", texts("origin.versions"), frame, shown)


def _made_with(source: Source) -> dict[str, str | None]:
    """Each version and machine, by the trials that were trained with it."""
    made = [(t.number, attributes.of(t).get(trials.MADE_WITH, {})) for t in source.own()]
    names = dict.fromkeys(name for _, with_ in made for name in with_)
    return {
        name: in_ranges([(number, with_[name]) for number, with_ in made if name in with_])
        for name in names
    }


def _runs(studies: list[Source], texts: Texts) -> Table | None:
    rows = [
        {
            "study": source.name,
            "begun": run.begun,
            "ended": run.ended,
            "reason": run.how_it_ended(),
            "first": f"#{run.first}",
            "side_by_side": run.side_by_side,
            "options": ", ".join(f"{name} {v}" for name, v in run.in_words().items()),
            "given": ", ".join(f"#{number}" for number in run.given) or None,
        }
        for source in studies
        for run in runs.of(source.study)
    ]
    if not rows:
        return None
    kinds: dict[str, Notation] = {
        **dict.fromkeys(rows[0], "text"),
        "begun": "moment",
        "ended": "moment",
    }
    frame = pandas.DataFrame(rows)
    shown = filled(columns(texts, "origin.runs", kinds), frame)
    return Table("runs", texts("origin.runs.caption"), frame, shown)


def _threads(source: Source) -> str | None:
    counts = {
        t.user_attrs[trials.N_THREADS] for t in source.trials() if trials.N_THREADS in t.user_attrs
    }
    return ", ".join(map(str, sorted(counts))) or None
