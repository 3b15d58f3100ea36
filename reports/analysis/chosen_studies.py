"""What a report is about: which studies, which of them stand for which column, and their files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.trial import FrozenTrial

from spaces.budget import N_TRAIN_FILE, PAPER_BUDGET
from spaces.errors import StudyError
from spaces.stages import AUTOENCODER, CLASSIFIER, STAGES, Stage
from studies.final.results import PAPER_PREFIX, FinalResult
from studies.records import attributes, trials
from studies.records.open_study import OpenStudy
from studies.records.origins import Origin, origins
from studies.records.reading import check
from studies.records.references import pick
from studies.records.settings import EncoderOrigin, is_ours
from studies.storage.artifacts import ArtifactStore
from studies.storage.in_memory import copied


class Source(OpenStudy):
    """A copy of a study in memory, so that all of a report is about one moment of it."""

    def completed(self) -> list[FrozenTrial]:
        """The trials that were trained here to the end, by number."""
        return [t for t in trials.completed(self.own()) if t.values]

    def origin_of(self, trial: FrozenTrial) -> Origin:
        """Who chose its configuration."""
        return origins(self.trials())[trial.number]


class Sources(NamedTuple):
    """All that a report reads."""

    searches: list[Source]
    """Studies under the search protocol, oldest first."""
    reproductions: list[Source]
    """Studies under the paper's protocol with its full budget, whether named or not."""
    reduced: list[Source]
    """Studies under the paper's protocol with another budget, which reproduce nothing."""
    unread: list[str]
    """Why, of each study of ours that cannot be read."""
    results: Sequence[FinalResult]
    """What ``fmnist-search train`` left beside the studies."""
    left_out: Sequence[str] = ()
    """Studies that are there and were not named, or cannot be read."""
    data_folder: Path | None = None
    """Where the images are; None if they are not there."""
    compared: Sequence[Source] = ()
    """Searches of one stage to set beside each other."""
    beside: frozenset[str] = frozenset()
    """Names of those that are there for that alone."""

    def of(self, stage: Stage) -> list[Source]:
        """The searches of a stage."""
        return [s for s in self.searches if s.settings.stage == stage.name]

    def main(self, stage: Stage) -> Source | None:
        """The search that stands for its stage: the largest budget, then the most results.

        Classifiers that started from random weights do not stand for theirs, nor do searches that
        are only set beside others, where there is another.
        """

        def weight(source: Source) -> tuple[bool, bool, tuple[int, int, int]]:
            return source.name not in self.beside, not is_from_scratch(source), _weight(source)

        return max(self.of(stage), key=weight, default=None)

    def reproductions_of(self, stage: Stage) -> list[Source]:
        """Those of a stage; not from random weights, as the paper's start from an encoder."""
        own = [s for s in self.reproductions if s.settings.stage == stage.name]
        return [s for s in own if not is_from_scratch(s)]

    def paper_trials(self, stage: Stage, name: str) -> list[FrozenTrial]:
        """The completed trials of a row of the paper under its own protocol, one for each seed."""
        return _of_row(self.reproductions_of(stage), name)

    def searched_paper_trials(self, stage: Stage, name: str) -> list[FrozenTrial]:
        """Those under the search protocol, in the stage's search and the same with other seeds."""
        main = self.main(stage)
        if main is None:
            return []
        return _of_row([s for s in self.of(stage) if _differs_in_seed(s, main)], name)

    def reproduced(self, stage: Stage) -> bool:
        """Whether any row of the stage was trained under the paper's own protocol."""
        return any(self.paper_trials(stage, row.name) for row in stage.paper)

    def judged(self, stage: Stage) -> FinalResult | None:
        """What the test images said, once, of the search's best, or any of it but the paper's own.

        Of several results the one with the most training, then the most seeds.
        """
        own = [r for r in self._final(stage) if not is_of_paper(r) and self._is_here(r)]
        return max(own, key=lambda r: (self.trial_of(r) is not None, *_training(r)), default=None)

    def paper_judged_beside(self, judged: FinalResult, name: str) -> FinalResult | None:
        """What they said of a row of the paper that was trained with the same budget.

        Over the same encoder, if there is such a result.
        """
        own = [r for r in self._final(STAGES[judged.stage]) if r.source == f"{PAPER_PREFIX}{name}"]
        own = [r for r in own if r.budget == judged.budget]
        return max(own, key=lambda r: (have_one_encoder(r, judged), len(r.seeds)), default=None)

    def _final(self, stage: Stage) -> list[FinalResult]:
        own = [r for r in self.results if r.stage == stage.name and r.seeds]
        return [r for r in own if r.budget.protocol == "final"]

    def _is_here(self, result: FinalResult) -> bool:
        """Whether it is of no other search than these; one folder may hold those of several."""
        own = ((source, trial) for source in self.searches for trial in source.trials())
        return "#" not in result.source or any(_is_of(result, *each) for each in own)

    def trial_of(self, result: FinalResult) -> tuple[Source, FrozenTrial] | None:
        """The best trial of its stage's search, if that is what the result is of."""
        main = self.main(STAGES[result.stage])
        best = main.best() if main else None
        if main is None or best is None or not _is_of(result, main, best):
            return None
        return main, best

    def not_run(self) -> list[str]:
        """Rows of the paper, of both stages, that nobody has trained under its own protocol."""
        rows = [(stage, row.name) for stage in STAGES.values() for row in stage.paper]
        return [name for stage, name in rows if not self.paper_trials(stage, name)]


def choose(
    studies: Sequence[optuna.Study],
    names: Sequence[str],
    store: ArtifactStore,
    results: Sequence[FinalResult] = (),
    compare: Sequence[str] = (),
) -> Sources:
    """Sort the storage's studies by what they are to the report.

    Args:
        studies: all studies in the storage, oldest first.
        names: the studies to report on; none for one search of each stage, the one with the largest
            budget, and beside it the classifiers that started from random weights.
        store: where the trials' weights are.
        results: of chosen configurations, over several seeds.
        compare: further studies, to be compared with those of their stage.

    Raises:
        StudyError: a named study is not there, or was not made by this program.
    """
    named, others = ([pick(studies, name) for name in some] for some in (names, compare))
    for study in (*named, *others):
        check(study)
    read = [_read(study, store) for study in studies if is_ours(study)]
    readable = [each for each in read if isinstance(each, Source)]
    searches = [s for s in readable if s.settings.budget.protocol == "search"]
    papers = [s for s in readable if s.settings.budget.protocol == "paper"]
    sources = Sources(
        searches=searches,
        reproductions=[s for s in papers if s.settings.budget == PAPER_BUDGET],
        reduced=[s for s in papers if s.settings.budget != PAPER_BUDGET],
        unread=[str(each) for each in read if isinstance(each, StudyError)],
        results=results,
    )
    wanted = {study.study_name for study in named} or _by_default(sources)
    beside = frozenset(study.study_name for study in others) - wanted
    wanted |= beside
    used = [s for s in searches if s.name in wanted]
    shown = {s.name for s in (*used, *papers)}
    left_out = [s.study_name for s in studies if s.study_name not in shown]
    compared = _compared(used, {study.study_name for study in others})
    return sources._replace(searches=used, left_out=left_out, compared=compared, beside=beside)


def _compared(used: Sequence[Source], others: set[str]) -> list[Source]:
    """The searches of the stages of those that were named for that, these last."""
    stages = {source.settings.stage for source in used if source.name in others}
    of_stages = [source for source in used if source.settings.stage in stages]
    return sorted(of_stages, key=lambda source: source.name in others)


def is_of_paper(result: FinalResult) -> bool:
    """Whether it is of a row of the paper, named as such."""
    return result.source.startswith(PAPER_PREFIX)


def have_one_encoder(one: FinalResult, other: FinalResult) -> bool:
    """Whether both started from the same encoder, or both from random weights."""
    weights, others = ((r.encoder and r.encoder.sha256) or "" for r in (one, other))
    return weights == others


def is_from_scratch(source: Source) -> bool:
    """Whether its classifiers' encoders started from random weights."""
    encoder = source.settings.encoder
    return encoder is not None and encoder.is_random


def _read(study: optuna.Study, store: ArtifactStore) -> Source | StudyError:
    """The study, or why it cannot be read."""
    try:
        return Source.at(copied(study), store)
    except StudyError as error:
        return error


def _by_default(sources: Sources) -> set[str]:
    mains = [sources.main(stage) for stage in (AUTOENCODER, CLASSIFIER)]
    names = {main.name for main in mains if main is not None}
    warm = mains[1]
    if warm is not None:
        names |= {
            s.name
            for s in sources.of(CLASSIFIER)
            if is_from_scratch(s) and s.settings.budget == warm.settings.budget
        }
    return names


def _weight(source: Source) -> tuple[int, int, int]:
    budget = source.settings.budget
    images = budget.subset or 10**9
    return images, budget.epochs, len(source.completed())


def _training(result: FinalResult) -> tuple[int, int, int]:
    budget = result.budget
    return budget.subset or N_TRAIN_FILE, budget.epochs, len(result.seeds)


def _differs_in_seed(source: Source, main: Source) -> bool:
    """Whether it is the study itself, or one that would be but for its seed and encoder."""
    if source.name == main.name:
        return True
    settings = replace(source.settings, seed=main.settings.seed)
    if main.settings.encoder is not None and not is_from_scratch(source):
        settings = replace(settings, encoder=main.settings.encoder)
    return settings.is_comparable(main.settings)


def _is_of(result: FinalResult, source: Source, trial: FrozenTrial) -> bool:
    """Whether it is of the trial, and of none of a study that had the name before."""
    named = result.source == f"{source.name}#{trial.number}"
    return named and result.is_of(trial, source.settings)


def _of_row(sources: Sequence[Source], name: str) -> list[FrozenTrial]:
    """A completed trial of the row for each seed and encoder, with its metrics.

    A copy of a study, or one that was made of another, has that one's seed, and is no further run.
    """
    found: dict[tuple[int, EncoderOrigin | None], FrozenTrial] = {}
    for source in sources:
        own = [t for t in source.completed() if t.user_attrs.get(trials.PAPER) == name]
        seed, encoder = source.settings.seed, source.settings.encoder
        for trial in (t for t in own if trials.METRICS in attributes.of(t)):
            found.setdefault((seed, encoder and encoder.identity()), trial)
    return list(found.values())
