"""The race is run by two programs that search the same networks, and judged fairly."""

from pathlib import Path

import pytest
import torch
from optuna.trial import FixedTrial

from benchmarks.ordinary import PAPER, suggest_model
from benchmarks.race import Run, WayName, all_of, best_so_far, ratio, read
from benchmarks.recorded_curves import add
from spaces.autoencoder import PAPER_SPACE, AutoencoderConfig
from spaces.paper import AUTOENCODERS
from studies.networks.plain import build


def run(way: WayName, *ends: tuple[float, float], seconds: float = 100) -> Run:
    return Run(way, 0, seconds, list(ends), 200)


def ordinary_names(params: dict[str, object]) -> dict[str, object]:
    return {name.removesuffix("_channels"): value for name, value in params.items()}


def test_both_search_the_same_space() -> None:
    ours, theirs = (FixedTrial(names) for names in (any_params(), ordinary_names(any_params())))
    PAPER_SPACE.suggest(ours)
    suggest_model(theirs)  # type: ignore[arg-type]
    assert ordinary_names(dict(ours.distributions)) == theirs.distributions


def any_params() -> dict[str, object]:
    return dict(PAPER_SPACE.params(next(iter(PAPER_SPACE))))


def test_both_begin_with_the_papers_configurations() -> None:
    queued = [{"pool1": "max", **params} for params in PAPER]
    papers = [ordinary_names(PAPER_SPACE.params(row.config)) for row in AUTOENCODERS]
    assert sorted(queued, key=repr_of) == sorted(papers, key=repr_of)


def repr_of(params: dict[str, object]) -> str:
    return repr(sorted(params.items()))


@pytest.mark.parametrize(
    "config",
    [
        AutoencoderConfig(),
        AutoencoderConfig(batchnorm=True, pool1="avg", conv1_channels=8, conv2_channels=64),
        AutoencoderConfig(dropout=0.2, pool2="avg"),
    ],
)
def test_both_train_the_same_network(config: AutoencoderConfig) -> None:
    theirs = suggest_model(FixedTrial(ordinary_names(PAPER_SPACE.params(config)))).eval()  # type: ignore[arg-type]
    ours = build(config).eval()
    values = ours.state_dict().values()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), values, strict=True)))
    images = torch.rand(3, 1, 28, 28)
    assert torch.equal(theirs(images), ours(images))
    assert [type(m) for m in theirs.encoder] == [type(m) for m in ours.encoder]


def test_the_ratio_is_of_times_to_the_ordinary_ways_final_best() -> None:
    theirs = run("ordinary", (10, 0.5), (80, 0.2), (90, 0.3))
    assert ratio(theirs, run("ours", (5, 0.4), (8, 0.2))) == 10
    assert ratio(theirs, run("ours", (5, 0.4), (8, 0.201))) == 0
    assert ratio(theirs, run("ours", (5, 0.4), (8, 0.201)), slack=0.01) == 10


def test_the_best_so_far_never_rises_and_lasts_to_the_end() -> None:
    assert best_so_far(run("ours", (5, 0.4), (8, 0.5), (9, 0.3))) == (
        [5, 8, 9, 100],
        [0.4, 0.4, 0.3, 0.3],
    )


def test_each_program_comes_first_in_turns() -> None:
    assert all_of(0) == [("ordinary", 0), ("ours", 0), ("longer", 0)]
    assert all_of(1) == [("longer", 1), ("ours", 1), ("ordinary", 1)]


def test_runs_are_kept_though_the_last_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    made = run("ours", (5, 0.4))
    add(path, [made._asdict()], 1, lambda _: None)
    with path.open("a") as file:
        file.write('{"way": "ordinary", "se')
    (kept,) = read(path).values()
    assert kept.seconds_until(0.4) == 5
    assert kept.best == made.best
